/** JSON values, what is different between two of them, and how a document writes them. */

export type Json = null | boolean | number | string | Json[] | Members;
export interface Members {
  [name: string]: Json;
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isSame(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, number) => isSame(value, other[number]));
  }
  if (isMembers(one) && isMembers(other)) {
    const names = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...names].every((name) => isSame(one[name], other[name]));
  }
  return one === other;
}

/** What makes `after` of `before`: a JSON Merge Patch (RFC 7396). Lists are replaced as a whole. */
export function patchOf(before: Members, after: Members): Members {
  const patch: Members = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [was, is] = [before[name], after[name]];
    if (is === undefined) patch[name] = null;
    else if (!isSame(was, is)) patch[name] = isMembers(was) && isMembers(is) ? patchOf(was, is) : is;
  }
  return patch;
}

/** Members without one, or with another value of it. */
export function withMember(members: Members, name: string, value: Json | undefined): Members {
  if (value !== undefined) return { ...members, [name]: value };
  return Object.fromEntries(Object.entries(members).filter(([other]) => other !== name));
}

// What needs no quotes: words, paths and URLs; amounts and networks such as `25 EUR/day`; lengths of time.
const PLAIN = /^([A-Za-z_/][\w ./*@+:~-]*|[0-9][0-9_.]*[ /][\w ./-]*|[0-9]+(ms|s|m|h|d))$/;
const WORDS = /^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan)$/i;

/** YAML, as documents are written. */
export function renderYaml(value: Json, depth = 0): string {
  const indent = '  '.repeat(depth);
  if (Array.isArray(value) && value.length > 0) {
    if (value.every((item) => typeof item !== 'object') && inline(value).length <= 72) return `${inline(value)}\n`;
    return `\n${value.map((item) => `${indent}- ${renderYaml(item, depth + 1).replace(/^\n\s*/, '')}`).join('')}`;
  }
  if (isMembers(value) && Object.keys(value).length > 0) {
    const lines = Object.entries(value).map(([name, inner]) => {
      const text = renderYaml(inner, depth + 1);
      return `${indent}${scalar(name)}:${text.startsWith('\n') ? '' : ' '}${text}`;
    });
    return `\n${lines.join('')}`;
  }
  return `${typeof value === 'object' && value !== null ? JSON.stringify(value) : scalar(value)}\n`;
}

function inline(items: Json[]): string {
  return `[${items.map((item) => scalar(item)).join(', ')}]`;
}

function scalar(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  const isPlain = PLAIN.test(value) && !WORDS.test(value) && !/: |[ :]$/.test(value);
  return isPlain ? value : JSON.stringify(value);
}

/** A value as text: what it says, not how it is written. */
export function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
