import { describe, expect, it } from 'vitest';
import { ago, bytes, count, duration, money, moneyOf, percent, short, shortName, span } from './format';

describe('numbers', () => {
  it('are grouped, and short where there is little room', () => {
    expect([count(1234567), short(0.25), short(1234), short(12345), short(3.4e6)]).toEqual([
      '1,234,567', '0.25', '1,234', '12.3 k', '3.4 M',
    ]); // prettier-ignore
  });
  it('are shares with as much precision as says something', () => {
    expect([percent(0), percent(0.0123), percent(0.5), percent(1)]).toEqual(['0 %', '1.2 %', '50 %', '100 %']);
  });
});

describe('lengths of time', () => {
  it('have the unit that fits', () => {
    expect([0.256, 4.25, 41.2, 1234, 12_345, 90_000].map(duration)).toEqual([
      '0.26 ms', '4.3 ms', '41 ms', '1.23 s', '12.3 s', '1 min 30 s',
    ]); // prettier-ignore
    expect([duration(null), span(3725), span(90_000)]).toEqual(['–', '1 h 2 min', '1 d 1 h']);
  });
  it('are told from now', () => {
    const now = Date.parse('2026-05-01T12:00:00Z');
    expect(ago('2026-05-01T11:58:00Z', now)).toBe('2 min ago');
    expect(ago('2026-05-01T12:00:30Z', now)).toBe('in 30 s');
    expect(ago('2026-05-01T12:00:01Z', now)).toBe('now');
  });
});

describe('sizes and money', () => {
  it('are powers of 1024', () => {
    expect([bytes(0), bytes(1536), bytes(420_000), bytes(5 * 1024 ** 3)]).toEqual(['0 B', '1.5 KiB', '410 KiB', '5 GiB']);
  });
  it('is never rounded', () => {
    expect(money('1234.5', 'USD')).toBe('1,234.50 USD');
    expect(money('0.00000125', 'EUR')).toBe('0.00000125 EUR');
    expect(money('12345678901234567890.1', 'EUR')).toBe('12,345,678,901,234,567,890.10 EUR');
    expect(moneyOf({ EUR: '1', USD: '0.5' })).toEqual(['1.00 EUR', '0.50 USD']);
    expect(moneyOf({})).toEqual([]);
  });
});

describe('names', () => {
  it('keep both their ends where they are too long', () => {
    expect(shortName('department-of-international-invoicing-batch-59', 20)).toBe('departmen…g-batch-59');
    expect(shortName('web', 20)).toBe('web');
  });
});
