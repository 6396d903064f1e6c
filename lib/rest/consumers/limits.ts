/** Of a poll: API Gateway gives a request 30 s. */
export const MAX_WAIT_MS = 20_000;
