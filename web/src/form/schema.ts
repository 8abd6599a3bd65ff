/** What a form is made of: the JSON Schema of the document, and which shapes a value may have by it. */

import { isMembers, textOf, type Json, type Members } from './json';

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: Json[];
  const?: Json;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  default?: Json;
  description?: string;
  examples?: Json[];
  title?: string;
  pattern?: string;
}

export type Schemas = Record<string, Schema>;

/** One way to write a value. */
export type Shape =
  | { kind: 'text'; label: string; isNumber: boolean; isText: boolean; schema: Schema }
  | { kind: 'choice'; label: string; values: string[]; schema: Schema }
  | { kind: 'switch'; label: string; schema: Schema }
  | { kind: 'lines'; label: string; schema: Schema }
  | { kind: 'list'; label: string; items: Schema; schema: Schema }
  | { kind: 'map'; label: string; schema: Schema }
  | {
      kind: 'group';
      label: string;
      schema: Schema;
      members: Record<string, Schema>;
      /** Members that can only have one value. */
      fixed: Members;
      /** Whether members of any other name may be there. */
      isOpen: boolean;
      /** Members of which exactly one is there; empty where there is no such rule. */
      oneOf: string[];
    };

/** A schema without `$ref`: what stands beside the reference goes before what it leads to. */
export function resolve(schema: Schema, schemas: Schemas): Schema {
  if (schema.$ref === undefined) return schema;
  const found = schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {};
  return { ...resolve(found, schemas), ...schema, $ref: undefined };
}

/** Whether a value is a secret: those are written as references, or go into the vault. */
export function isSecret(schema: Schema): boolean {
  return (schema.examples ?? []).some((example) => typeof example === 'string' && /^\$\{(TOKEN|file:)/.test(example));
}

/** Every shape that a value may have. Numbers and texts are one: both are typed into one field. */
export function shapesOf(schema: Schema, schemas: Schemas): Shape[] {
  const ways = alternatives(schema, schemas);
  const shapes = ways.map((way) => shapeOf(way, schemas));
  const joined: Shape[] = [];
  for (const shape of shapes) {
    const known = joined.find((one) => one.kind === 'text');
    if (shape.kind !== 'text' || known?.kind !== 'text') joined.push(shape);
    else Object.assign(known, { isNumber: known.isNumber || shape.isNumber, isText: known.isText || shape.isText });
  }
  return joined.filter((shape) => !isSaidElsewhere(shape, joined));
}

/** Words that a group or a text of the same schema stands for too: `caller` for `{kind: caller}`. */
function isSaidElsewhere(shape: Shape, all: Shape[]): boolean {
  if (shape.kind !== 'choice' || all.length === 1) return false;
  return shape.values.every((word) =>
    all.some(
      (other) =>
        (other.kind === 'group' && other.fixed['kind'] === word) ||
        (other.kind === 'text' && other.isText && new RegExp(other.schema.pattern ?? '').test(word)),
    ),
  );
}

function alternatives(schema: Schema, schemas: Schemas): Schema[] {
  const whole = resolve(schema, schemas);
  // Beside `properties`, these say which of them are required.
  const ways = whole.properties === undefined ? (whole.anyOf ?? whole.oneOf) : undefined;
  if (ways === undefined) return ofKinds(whole, schemas);
  return ways.flatMap((way) => alternatives(way, schemas)).map((way) => ({ examples: whole.examples, ...way }));
}

/** A group whose `kind` is one of several, with the fields of that kind beside its own: one group for each kind. */
function ofKinds(schema: Schema, schemas: Schemas): Schema[] {
  const kinds = schema.properties?.['kind']?.enum;
  if (kinds === undefined || schema.additionalProperties !== true) return [schema];
  return kinds.flatMap((kind) => {
    const found = Object.values(schemas).find((one) => one.properties?.['kind']?.const === kind);
    if (found === undefined) return [];
    return [{ ...found, properties: { ...found.properties, ...schema.properties, kind: { const: kind } } }];
  });
}

function shapeOf(schema: Schema, schemas: Schemas): Shape {
  const label = nameOf(schema);
  const words = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  if (words !== undefined) return { kind: 'choice', label, values: words.map(textOf), schema };
  switch (schema.type) {
    case 'boolean':
      return { kind: 'switch', label, schema };
    case 'array': {
      const items = schema.items ?? {};
      const isFlat = alternatives(items, schemas).every((way) => ['string', 'integer', 'number'].includes(String(way.type)) || way.enum !== undefined);
      return isFlat ? { kind: 'lines', label, schema } : { kind: 'list', label, items, schema };
    }
    case 'object':
      if (schema.properties === undefined) return { kind: 'map', label, schema };
      return groupOf(schema, label);
    default: {
      const isNumber = schema.type === 'integer' || schema.type === 'number';
      return { kind: 'text', label, isNumber, isText: !isNumber, schema };
    }
  }
}

function groupOf(schema: Schema, label: string): Shape {
  const entries = Object.entries(schema.properties ?? {});
  const fixed = entries.filter(([, member]) => member.const !== undefined);
  return {
    kind: 'group',
    label,
    schema,
    members: Object.fromEntries(entries.filter(([, member]) => member.const === undefined)),
    fixed: Object.fromEntries(fixed.map(([name, member]) => [name, member.const as Json])),
    isOpen: schema.additionalProperties === true,
    oneOf: (schema.oneOf ?? []).flatMap((way) => (way.required?.length === 1 ? way.required : [])),
  };
}

function nameOf(schema: Schema): string {
  const kind = schema.properties?.['kind'];
  if (typeof kind?.const === 'string') return kind.const;
  if (schema.title === 'OfPreset') return 'as the preset has it';
  if (schema.type === 'array') return 'list';
  if (schema.type === 'object') return 'in full';
  if (schema.const !== undefined) return textOf(schema.const);
  return schema.enum === undefined ? 'in short' : schema.enum.map(textOf).join(' or ');
}

/** Whether a value is written in this shape. */
export function hasShape(value: Json, shape: Shape): boolean {
  switch (shape.kind) {
    case 'text':
      return typeof value === 'string' || typeof value === 'number';
    case 'choice':
      return shape.values.includes(textOf(value));
    case 'switch':
      return typeof value === 'boolean';
    case 'lines':
      return Array.isArray(value) && value.every((item) => typeof item !== 'object');
    case 'list':
      return Array.isArray(value);
    case 'map':
      return isMembers(value);
    case 'group':
      return isOfGroup(value, shape);
  }
}

function isOfGroup(value: Json, { schema, members, fixed, isOpen }: Extract<Shape, { kind: 'group' }>): boolean {
  if (typeof value === 'string') return fixed['kind'] === value; // `caller` stands for `{kind: caller}`
  if (!isMembers(value)) return false;
  const isFixed = Object.entries(fixed).every(([name, said]) =>
    value[name] === undefined ? !(schema.required ?? []).includes(name) : value[name] === said,
  );
  return isFixed && (isOpen || Object.keys(value).every((name) => name in members || name in fixed));
}

/** The shape in which a value is written; the first that there is for one that fits none. */
export function shapeFor(value: Json, shapes: Shape[]): Shape | undefined {
  // A choice before a text: `off` is a word, not just any text.
  return [...shapes].sort((one, other) => rank(one) - rank(other)).find((shape) => hasShape(value, shape)) ?? shapes[0];
}

function rank(shape: Shape): number {
  return shape.kind === 'choice' ? 0 : shape.kind === 'group' && shape.isOpen ? 2 : 1;
}

/** What a value is at first, in this shape. */
export function beginning(shape: Shape): Json {
  switch (shape.kind) {
    case 'text':
      return '';
    case 'choice':
      return shape.values[0] ?? '';
    case 'switch':
      return shape.schema.default !== true;
    case 'lines':
    case 'list':
      return [];
    case 'map':
      return {};
    case 'group':
      return { ...shape.fixed };
  }
}

/** What was typed, as the document has it: a number where numbers are meant; undefined for nothing. */
export function typed(text: string, shape: { isNumber: boolean; isText: boolean }): Json | undefined {
  if (text.trim() === '') return undefined;
  const isNumeric = /^-?[0-9]+(\.[0-9]+)?$/.test(text.trim());
  return shape.isNumber && isNumeric ? Number(text) : text;
}

/** `rest_limit` as a label: Rest limit. */
export function labelOf(name: string): string {
  const words = name.replaceAll('_', ' ');
  const known: Record<string, string> = { url: 'URL', tls: 'TLS', dns: 'DNS', via: 'Via', ca: 'CA', json: 'JSON', sha256: 'SHA-256' };
  return known[words] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** What stands in an empty field: an example, or what holds without anything. */
export function hintOf(schema: Schema): string {
  const { default: usual, examples } = schema;
  if (typeof usual === 'number') return withUnit(usual, schema);
  if (usual !== undefined && usual !== '' && typeof usual !== 'object') return String(usual);
  const example = examples?.[0];
  if (Array.isArray(example)) return example.map(textOf).join('\n');
  return typeof example === 'string' || typeof example === 'number' ? String(example) : '';
}

/** The schema's defaults count in seconds and bytes; people write `5s`, `30d` and `64KiB`. */
function withUnit(value: number, schema: Schema): string {
  const patterns = [schema, ...(schema.anyOf ?? [])].map((way) => way.pattern ?? '').join(' ');
  if (patterns.includes('(ms|s|m|h)')) return value < 1 ? `${Math.round(value * 1000)}ms` : `${value}s`;
  if (patterns.includes('}d$')) return `${value / 86_400}d`;
  if (patterns.includes('KiB')) return value === 0 || value % 1024 !== 0 ? String(value) : `${value / 1024}KiB`;
  return String(value);
}
