const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Uint8Array(128);
for (const [value, character] of [...ALPHABET].entries()) VALUES[character.charCodeAt(0)] = value;

/** Standard base64 with its padding (RFC 4648, section 4), by what every browser has; `atob` takes many times as long. */
export function decodeBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const end = padding === 0 ? text.length : text.length - 4;
  let at = 0;
  for (let i = 0; i < end; i += 4) {
    const word = wordAt(text, i);
    bytes[at++] = word >>> 16;
    bytes[at++] = word >>> 8;
    bytes[at++] = word;
  }
  if (padding > 0) {
    const word = wordAt(text, end);
    bytes[at++] = word >>> 16;
    if (padding === 1) bytes[at] = word >>> 8;
  }
  return bytes;
}

/** Three bytes of four characters. */
function wordAt(text: string, i: number): number {
  return (
    (VALUES[text.charCodeAt(i)]! << 18) |
    (VALUES[text.charCodeAt(i + 1)]! << 12) |
    (VALUES[text.charCodeAt(i + 2)]! << 6) |
    VALUES[text.charCodeAt(i + 3)]!
  );
}
