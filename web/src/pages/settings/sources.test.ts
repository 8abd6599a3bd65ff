import { describe, expect, it } from 'vitest';
import type { ObjectShown } from '@/api/objects';
import { countsOf, sourcesOf } from './sources';

const object = (name: string, source: string): ObjectShown => ({
  name, source, read_only: source !== 'database', revision: null, data: {}, warnings: [],
}); // prettier-ignore

describe('sources', () => {
  it('are files without their lines, and what is in each', () => {
    const found = sourcesOf({
      upstreams: [object('a', 'file /x/exeat.yaml:3'), object('b', 'file /x/exeat.yaml:9'), object('c', 'database')],
      consumers: [object('d', 'database'), object('e', 'environment')],
    });
    expect(found.map(({ source, isReadOnly }) => [source, isReadOnly])).toEqual([
      ['environment', true],
      ['file /x/exeat.yaml', true],
      ['database', false],
    ]);
    expect(countsOf(found[1]?.counts ?? {})).toBe('2 upstreams');
    expect(countsOf(found[2]?.counts ?? {})).toBe('1 upstream, 1 consumer');
  });
});
