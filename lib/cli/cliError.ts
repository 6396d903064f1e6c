/** What went wrong, in words for the user: printed in one line, exit code 1. */
export class CliError extends Error {}
