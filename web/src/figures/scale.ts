/** Where values are on a chart. */

/** A round value at or above: 1, 2, 5 times a power of ten; so that the lines across have round names. */
export function ceiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= value * 0.9999) ?? 10;
  return step * power;
}

export interface Bucket {
  /** Milliseconds since 1970. */
  start: number;
  /** One for each series; null where nothing is known. */
  values: (number | null)[];
}

/**
 * Buckets of one length without gaps: where nothing was counted, there is nothing, not a line from one side to the
 * other. Values that fall into one bucket are joined.
 */
export function fill(
  found: Bucket[],
  range: { since: number; until: number; stepMs: number },
  nothing: (number | null)[],
  join: (one: number, other: number) => number,
): Bucket[] {
  const { since, until, stepMs } = range;
  const known = new Map<number, (number | null)[]>();
  for (const bucket of found) {
    const number = Math.floor(bucket.start / stepMs);
    const before = known.get(number);
    known.set(
      number,
      bucket.values.map((value, series) => {
        const other = before?.[series] ?? null;
        return value === null || other === null ? (value ?? other) : join(other, value);
      }),
    );
  }
  const first = Math.floor(since / stepMs);
  const last = Math.floor((until - 1) / stepMs);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, number) => ({
    start: (first + number) * stepMs,
    values: known.get(first + number) ?? nothing,
  }));
}

const STEPS_S = [60, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 259_200, 604_800, 1_209_600];

/** Times for the axis below, at most `most` of them, at round ones of the local clock. */
export function marks(since: number, until: number, most: number): number[] {
  const length = until - since;
  const stepMs = (STEPS_S.find((step) => length / (step * 1000) <= most) ?? 1_209_600) * 1000;
  const offset = new Date(since).getTimezoneOffset() * 60_000;
  const first = Math.ceil((since - offset) / stepMs) * stepMs + offset;
  return Array.from({ length: Math.max(0, Math.floor((until - first) / stepMs) + 1) }, (_, n) => first + n * stepMs);
}

