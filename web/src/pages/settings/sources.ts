/** Where the configuration comes from: the objects of each source, counted. */

import type { ObjectShown } from '@/api/objects';

export interface SourceOf {
  /** `file /etc/exeat/exeat.yaml`, `environment` or `database`, without the line. */
  source: string;
  isReadOnly: boolean;
  /** "5 upstreams, 3 consumers". */
  counts: Record<string, number>;
}

/** The sources of objects of several kinds, files first and the database last. */
export function sourcesOf(kinds: Record<string, readonly ObjectShown[]>): SourceOf[] {
  const found = new Map<string, SourceOf>();
  for (const [kind, objects] of Object.entries(kinds)) {
    for (const object of objects) {
      const source = object.source.replace(/:\d+$/, '');
      const known = found.get(source) ?? { source, isReadOnly: object.read_only, counts: {} };
      known.counts[kind] = (known.counts[kind] ?? 0) + 1;
      found.set(source, known);
    }
  }
  return [...found.values()].sort((one, other) => Number(other.isReadOnly) - Number(one.isReadOnly) || one.source.localeCompare(other.source));
}

/** "5 upstreams, 1 consumer". */
export function countsOf(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([kind, number]) => `${number} ${number === 1 ? kind.replace(/s$/, '') : kind}`)
    .join(', ');
}
