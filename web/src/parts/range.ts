/** Ranges of time that can be chosen: as the API writes them, the steps it is asked for, and those that are drawn. */

export const RANGES = [
  { value: '15m', label: '15 min', seconds: 900, step: 'minute', stepS: 60 },
  { value: '1h', label: '1 h', seconds: 3600, step: 'minute', stepS: 60 },
  { value: '6h', label: '6 h', seconds: 21_600, step: 'minute', stepS: 300 },
  { value: '24h', label: '24 h', seconds: 86_400, step: 'hour', stepS: 3600 },
  { value: '7d', label: '7 d', seconds: 604_800, step: 'hour', stepS: 10_800 },
  { value: '30d', label: '30 d', seconds: 2_592_000, step: 'day', stepS: 86_400 },
] as const;

export const USUAL_RANGE = '15m';

export type Range = (typeof RANGES)[number];

/** The range of that name; the usual one where an address has another. */
export function rangeOf(value: string): Range {
  return RANGES.find((range) => range.value === value) ?? RANGES[0];
}
