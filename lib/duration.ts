const DURATION = /^P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/i;

/** Milliseconds of an ISO 8601 duration as java.time.Duration takes it, which KIP-1106 refers to: `P1DT2H30M0.5S`. */
export function parseDuration(text: string): number | undefined {
  const [, days, hours, minutes, seconds] = DURATION.exec(text) ?? [];
  if ((days ?? hours ?? minutes ?? seconds) === undefined) return undefined;
  const amount = (digits = '0') => Number(digits);
  const hoursInAll = amount(days) * 24 + amount(hours);
  return Math.round(((hoursInAll * 60 + amount(minutes)) * 60 + amount(seconds)) * 1000);
}
