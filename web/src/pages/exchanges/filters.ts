/** What is looked for: as the address of the page has it, as it is typed, and as the API takes it. */

/** Fields that are matched exactly. */
export const FIELDS = [
  'upstream', 'consumer', 'outcome', 'error', 'method', 'key', 'address', 'origin', 'mode', 'decision', 'answered',
  'trace', 'path',
] as const; // prettier-ignore
/** What else an address may hold. */
const OTHERS = ['status', 'text', 'since', 'until'] as const;

export type Name = (typeof FIELDS)[number] | (typeof OTHERS)[number];
export type Filters = Partial<Record<Name, string>>;

export const NAMES: readonly Name[] = [...FIELDS, ...OTHERS];

export function readFilters(search: URLSearchParams): Filters {
  const found: Filters = {};
  for (const name of NAMES) {
    const value = search.get(name);
    if (value !== null && value !== '') found[name] = value;
  }
  return found;
}

/** As GET /records takes them. */
export function asQuery(filters: Filters): {
  where: string[];
  status?: string;
  text?: string;
  since?: string;
  until?: string;
} {
  const where = ['kind=exchange'];
  for (const name of FIELDS) {
    if (filters[name] !== undefined) where.push(`${name}=${filters[name]}`);
  }
  const { status, text, since, until } = filters;
  return { where, ...(status && { status }), ...(text && { text }), ...(since && { since }), ...(until && { until }) };
}

/** As GET /live takes them: what has a time is history, and isn't followed. */
export function asLive(filters: Filters): string | null {
  if (filters.until !== undefined) return null;
  const { where, status, text } = asQuery(filters);
  const search = new URLSearchParams(where.map((one) => ['where', one]));
  if (status !== undefined) search.set('status', status);
  if (text !== undefined) search.set('text', text);
  return search.toString();
}

const PAIR = /^([a-z_]+)[=:](.+)$/i;
const STATUS = /^([1-5](\d\d|xx)|failed)$/i;
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export type Typed =
  | { kind: 'id'; id: string }
  | { kind: 'filters'; filters: Filters }
  /** `name=value` of a field that there isn't. */
  | { kind: 'unknown'; name: string };

/** What is typed into the search: an exchange's id, `field=value`, a status, or part of a path. */
export function parseTyped(text: string): Typed {
  const filters: Filters = {};
  const rest: string[] = [];
  for (const word of text.trim().split(/\s+/)) {
    const pair = PAIR.exec(word);
    const name = NAMES.find((one) => one === pair?.[1]);
    if (ID.test(word)) return { kind: 'id', id: word.toLowerCase() };
    if (name === undefined && pair?.[1] !== undefined && word.startsWith(`${pair[1]}=`)) return { kind: 'unknown', name: pair[1] };
    if (name !== undefined && pair?.[2] !== undefined) filters[name] = pair[2];
    else if (STATUS.test(word)) filters.status = word.toLowerCase();
    else if (word !== '') rest.push(word);
  }
  if (rest.length > 0) filters.text = rest.join(' ');
  return { kind: 'filters', filters };
}
