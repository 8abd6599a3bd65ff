import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Json } from './json';
import { beginning, hasShape, hintOf, isSecret, labelOf, resolve, shapeFor, shapesOf, typed, type Schemas } from './schema';

const document = JSON.parse(readFileSync('../docs/reference/openapi.json', 'utf8')) as { components: { schemas: Schemas } };
const schemas = document.components.schemas;
const upstream = schemas['Upstream']?.properties ?? {};
const shapesAt = (name: string) => shapesOf(upstream[name] ?? {}, schemas);
const labels = (name: string): string[] => shapesAt(name).map((shape) => shape.label);

describe('the shapes of a member of an upstream', () => {
  test('of a text or number', () => {
    expect(shapesAt('url').map(({ kind }) => kind)).toEqual(['text']);
    expect(shapesAt('follow_redirects').map(({ kind }) => kind)).toEqual(['text']);
  });

  test('of a group that may be written in short', () => {
    expect(shapesAt('price').map(({ kind }) => kind)).toEqual(['group', 'text']);
    expect(shapesAt('paths').map(({ kind }) => kind)).toEqual(['group', 'lines']);
  });

  test('words that a text stands for aren’t offered twice', () => {
    expect(shapesAt('retries').map(({ kind }) => kind)).toEqual(['group', 'text']);
    expect(labels('circuit')).toEqual(['in full', 'off']);
  });

  test('of a credential are its kinds', () => {
    const kinds = labels('credential');
    for (const kind of ['bearer', 'basic', 'header', 'aws-sigv4', 'oauth2-client-credentials', 'caller', 'none']) {
      expect(kinds.filter((label) => label === kind)).toEqual([kind]);
    }
  });

  const credentials: [Json, string][] = [
    [{ kind: 'bearer', secret: '${vault:a}' }, 'bearer'],
    [{ kind: 'query', name: 'k', secret: 'x' }, 'query'],
    ['none', 'none'],
    [{ kind: 'caller' }, 'caller'],
    [{ secret: '${vault:github.credential.secret}' }, 'as the preset has it'],
    [[{ kind: 'bearer', secret: 'x' }], 'list'],
  ];
  test.each(credentials)('the credential %j is known', (value, label) => {
    expect(shapeFor(value, shapesAt('credential'))?.label).toBe(label);
  });

  test('a pool is known however it is written', () => {
    const members = [{ kind: 'bearer', secret: 'x' }];
    const shapes = shapesAt('credential');
    expect(shapeFor({ pool: members }, shapes)?.label).toBe('pool');
    expect(shapeFor({ kind: 'pool', members }, shapes)?.label).toBe('pool');
  });

  test('a member of a pool has the fields of its kind, and those of members', () => {
    const shapes = shapesOf({ $ref: '#/components/schemas/PoolMember' }, schemas);
    const shape = shapeFor({ kind: 'basic', username: 'u', weight: 3 }, shapes);
    expect(shape?.label).toBe('basic');
    expect(shape?.kind === 'group' ? Object.keys(shape.members).sort() : []).toEqual(['label', 'password', 'username', 'weight']);
  });

  test('every member has a shape, and what it begins with is of that shape', () => {
    for (const of of ['Upstream', 'Consumer', 'Grant', 'Limit', 'Timeout', 'Circuit', 'Retries', 'HealthCheck', 'Tls', 'Bodies']) {
      for (const [name, schema] of Object.entries(schemas[of]?.properties ?? {})) {
        const shapes = shapesOf(schema, schemas);
        expect(shapes, `${of}.${name}`).not.toEqual([]);
        for (const shape of shapes) expect(hasShape(beginning(shape), shape), `${of}.${name} ${shape.label}`).toBe(true);
      }
    }
  });
});

test('of a limit exactly one kind is chosen', () => {
  const [shape] = shapesOf({ $ref: '#/components/schemas/Limit' }, schemas);
  expect(shape?.kind === 'group' && shape.oneOf).toEqual(['rate', 'quota', 'budget', 'concurrency']);
});

test('secrets are known as such, and nothing else is', () => {
  const secrets = Object.entries(schemas['Basic']?.properties ?? {}).filter(([, member]) => isSecret(resolve(member, schemas)));
  expect(secrets.map(([name]) => name)).toEqual(['username', 'password']);
  expect(isSecret(upstream['url'] ?? {})).toBe(false);
});

test('what is typed becomes what the document has', () => {
  expect(typed('', { isNumber: true, isText: true })).toBeUndefined();
  expect(typed('3', { isNumber: true, isText: true })).toBe(3);
  expect(typed('off', { isNumber: true, isText: true })).toBe('off');
  expect(typed('3', { isNumber: false, isText: true })).toBe('3');
});

test('an empty field says what holds without it, in the unit that people write', () => {
  const timeout = schemas['Timeout']?.properties ?? {};
  expect(hintOf(timeout['connect'] ?? {})).toBe('5s');
  expect(hintOf(schemas['Retries']?.properties?.['body'] ?? {})).toBe('64KiB');
  expect(hintOf(schemas['Bodies']?.properties?.['retention'] ?? {})).toBe('30d');
  expect(hintOf(upstream['url'] ?? {})).toBe('https://api.example.com/v1');
});

test('members are labelled in words', () => {
  expect(labelOf('rest_limit')).toBe('Rest limit');
  expect(labelOf('tls')).toBe('TLS');
});
