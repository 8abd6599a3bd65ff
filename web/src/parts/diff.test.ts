import { describe, expect, it } from 'vitest';
import { diffLines, diffOf, fold, type DiffLine } from './diff';

const signs = { same: ' ', gone: '-', new: '+', cut: '…' } as const;
const drawn = (lines: DiffLine[]): string[] => lines.map((line) => `${signs[line.kind]}${line.text}`);

describe('a diff', () => {
  it('is of what a document would say', () => {
    const before = { upstream: 'billing', timeout: { total: 'long' } };
    const after = { upstream: 'billing', timeout: { total: 'short' }, methods: ['GET'] };
    expect(drawn(diffOf(before, after))).toEqual([
      ' upstream: billing',
      ' timeout:',
      '-  total: long',
      '+  total: short',
      '+methods: [GET]',
    ]);
  });
  it('of what is new or gone is all of it', () => {
    expect(drawn(diffOf(null, { role: 'viewer' }))).toEqual(['+role: viewer']);
    expect(drawn(diffOf({ role: 'viewer' }, null))).toEqual(['-role: viewer']);
  });
  it('keeps what both have, in its order', () => {
    expect(drawn(diffLines(['a', 'b', 'c', 'd'], ['b', 'x', 'd', 'e']))).toEqual(['-a', ' b', '-c', '+x', ' d', '+e']);
  });
  it('leads from one to the other, whatever they are', () => {
    const words = ['a', 'b', 'c'];
    for (let seed = 0; seed < 300; seed++) {
      const of = (from: number): string[] => Array.from({ length: from % 7 }, (_, at) => words[(from * (at + 3)) % 3] ?? '');
      const [before, after] = [of(seed), of(seed * 7 + 5)];
      const lines = diffLines(before, after);
      expect(lines.filter(({ kind }) => kind !== 'new').map(({ text }) => text)).toEqual(before);
      expect(lines.filter(({ kind }) => kind !== 'gone').map(({ text }) => text)).toEqual(after);
    }
  });
  it('leaves out what is far from any change', () => {
    const many = Array.from({ length: 12 }, (_, number) => `line ${number}`);
    expect(drawn(fold(diffLines(many, [...many, 'end']), 2))).toEqual(['…10 lines as before', ' line 10', ' line 11', '+end']);
  });
  it('of large things is all of both', () => {
    const [before, after] = [0, 1].map((which) => Array.from({ length: 2100 }, (_, number) => `${which} ${number}`));
    expect(diffLines(before ?? [], after ?? [])).toHaveLength(4200);
  });
});
