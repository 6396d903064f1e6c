/** That of package.json, which a Lambda bundle does not carry. */
export const VERSION = '0.1.0';
