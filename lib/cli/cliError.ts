/** What went wrong, in words for the user: printed in one line, exit code 1. */
export class CliError extends Error {}

/** No answer: the server may be starting again. */
export class Unreachable extends CliError {}
