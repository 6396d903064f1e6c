/** What went wrong and nobody is told of otherwise is told here: a line of JSON on stderr, unless the process has a better place. */
let tell = (error: Error): void => {
  const { name, message, stack, cause } = error;
  const reason =
    cause instanceof Error ? { name: cause.name, message: cause.message, stack: cause.stack } : cause;
  console.error(JSON.stringify({ level: 'error', name, message, stack, cause: reason }));
};

export function logError(error: unknown): void {
  tell(error instanceof Error ? error : new Error(String(error)));
}

export function logErrorsBy(given: (error: Error) => void): void {
  tell = given;
}
