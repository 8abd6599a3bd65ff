/** What is looked for in the audit trail: as the address has it, as it is typed, and as the API takes it. */

export const ACTIONS = [
  'create', 'update', 'delete', 'apply', 'rotate', 'revoke', 'log-in', 'log-in-failed', 'log-out', 'test', 'trip', 'drain',
  'reset', 'restore', 'prune', 'start', 'stop', 'undo',
] as const; // prettier-ignore
export const KINDS = [
  'upstream', 'consumer', 'destination', 'section', 'key', 'credential', 'administrator', 'token', 'webhook', 'instance',
  'configuration',
] as const; // prettier-ignore

/** Fields that are matched exactly. */
const FIELDS = ['actor', 'action', 'object', 'outcome', 'consumer', 'upstream', 'error'] as const;
const OTHERS = ['kind', 'since', 'until'] as const;

export type Name = (typeof FIELDS)[number] | (typeof OTHERS)[number];
export type Filters = Partial<Record<Name, string>>;
export const NAMES: readonly Name[] = [...FIELDS, ...OTHERS];

/** Which records: changes, unless the address says otherwise. */
export const RECORDS = [
  { value: '', label: 'Changes' },
  { value: 'exchange', label: 'Exchanges' },
  { value: 'all', label: 'All records' },
] as const;

export function readFilters(search: URLSearchParams): Filters {
  const found: Filters = {};
  for (const name of NAMES) {
    const value = search.get(name);
    if (value !== null && value !== '') found[name] = value;
  }
  return found;
}

export interface Query {
  where: string[];
  since?: string;
  until?: string;
}

/** As GET /records and GET /audit/export take them. */
export function asQuery(filters: Filters): Query {
  const where = filters.kind === 'all' ? [] : [`kind=${filters.kind ?? 'change'}`];
  for (const name of FIELDS) {
    if (filters[name] !== undefined) where.push(`${name}=${filters[name]}`);
  }
  return { where, ...(filters.since && { since: filters.since }), ...(filters.until && { until: filters.until }) };
}

const PAIR = /^([a-z]+)[=:](.+)$/;
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export type Typed = { kind: 'id'; id: string } | { kind: 'filters'; filters: Filters };

/** What is typed: a record's id, `field=value`, an action, an object such as `upstream/github`, or who did it. */
export function parseTyped(text: string): Typed {
  const filters: Filters = {};
  for (const word of text.trim().split(/\s+/)) {
    if (ID.test(word)) return { kind: 'id', id: word.toLowerCase() };
    const pair = PAIR.exec(word);
    const name = NAMES.find((one) => one === pair?.[1]);
    if (name !== undefined && pair?.[2] !== undefined) filters[name] = pair[2];
    else if (ACTIONS.some((action) => action === word)) filters.action = word;
    else if (KINDS.some((kind) => word === kind || word.startsWith(`${kind}/`))) filters.object = word;
    else if (word !== '') filters.actor = word;
  }
  return { kind: 'filters', filters };
}

/** Where an object that a record names is shown; null where it has no page. */
export function placeOf(object: string): string | null {
  const at = object.indexOf('/');
  const [kind, name] = at === -1 ? [object, ''] : [object.slice(0, at), encodeURIComponent(object.slice(at + 1))];
  switch (kind) {
    case 'upstream':
      return `/upstreams/${name}`;
    case 'consumer':
      return `/consumers/${name}`;
    case 'administrator':
      return '/settings';
    case 'token':
      return '/settings?tab=tokens';
    default:
      return null;
  }
}
