import { describe, expect, it } from 'vitest';
import { ceiling, fill, marks } from './scale';

describe('the scale', () => {
  it('ends at a round value', () => {
    expect([0, 1, 3, 18, 21, 260, 0.03].map(ceiling)).toEqual([1, 1, 5, 20, 25, 500, 0.05]);
  });
  it('has marks at round times, not too many', () => {
    const since = Date.parse('2026-05-01T12:01:00Z');
    const found = marks(since, since + 3_600_000, 4);
    expect(found.length).toBeLessThanOrEqual(4);
    expect(found.every((time) => time % 900_000 === 0)).toBe(true);
  });
});

describe('the marks of a week', () => {
  it('are more than one where there is little room', () => {
    const since = Date.parse('2026-05-01T12:01:00Z');
    for (let hour = 0; hour < 72; hour += 5) {
      const begin = since + hour * 3_600_000;
      expect(marks(begin, begin + 604_800_000, 3).length).toBeGreaterThanOrEqual(2);
    }
  });
});

describe('buckets', () => {
  it('have no gaps, and join what falls together', () => {
    const found = [
      { start: 0, values: [1] },
      { start: 60, values: [2] },
      { start: 400, values: [5] },
    ];
    const range = { since: 0, until: 500, stepMs: 100 };
    expect(fill(found, range, [0], (one, other) => one + other)).toEqual([
      { start: 0, values: [3] },
      { start: 100, values: [0] },
      { start: 200, values: [0] },
      { start: 300, values: [0] },
      { start: 400, values: [5] },
    ]);
  });
  it('know nothing where nothing was measured', () => {
    const range = { since: 0, until: 200, stepMs: 100 };
    expect(fill([{ start: 0, values: [null] }, { start: 10, values: [4] }], range, [null], Math.max)).toEqual([
      { start: 0, values: [4] },
      { start: 100, values: [null] },
    ]);
  });
});
