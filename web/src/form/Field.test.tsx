import { MantineProvider } from '@mantine/core';
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { readFileSync } from 'node:fs';
import { useState } from 'react';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { Field } from './Field';
import type { Json } from './json';
import { Form } from './place';
import type { Schemas } from './schema';

const document_ = JSON.parse(readFileSync('../docs/reference/openapi.json', 'utf8')) as { components: { schemas: Schemas } };
const schemas = document_.components.schemas;
let latest: Json | undefined;

beforeAll(() => {
  window.matchMedia = (query) => ({ matches: false, media: query, addEventListener: () => undefined, removeEventListener: () => undefined }) as unknown as MediaQueryList;
  window.ResizeObserver = class { observe(): void { return; } unobserve(): void { return; } disconnect(): void { return; } }; // prettier-ignore
  Object.defineProperty(document, 'fonts', { value: { addEventListener: () => undefined, removeEventListener: () => undefined } });
});
afterEach(cleanup);

function tell(set: (value: Json | undefined) => void, value: Json | undefined): void {
  latest = value;
  set(value);
}

function Held({ name, of, first, faults }: { name: string; of: string; first: Json | undefined; faults: Record<string, string> }) {
  const [value, setValue] = useState(first);
  return (
    <Form value={{ schemas, faults, widgets: {} }}>
      <Field name={name} schema={schemas[of]?.properties?.[name] ?? {}} value={value} onChange={(changed) => tell(setValue, changed)} pointer={`/${name}`} />
    </Form>
  );
}

function show(name: string, first: Json | undefined, faults: Record<string, string> = {}, of = 'Upstream'): void {
  render(
    <MantineProvider>
      <Held name={name} of={of} first={first} faults={faults} />
    </MantineProvider>,
  );
}

const type = (label: string | RegExp, text: string): void => {
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
};

test('a field that is emptied is no longer written', () => {
  show('url', 'https://a');
  type('URL', 'https://b');
  expect(latest).toBe('https://b');
  type('URL', '');
  expect(latest).toBeUndefined();
});

test('a credential is chosen by its kind, and has the fields of that kind', () => {
  show('credential', undefined);
  const kinds = screen.getByLabelText<HTMLSelectElement>('How Credential is written');
  const basic = [...kinds.options].find((option) => option.text === 'basic');
  fireEvent.change(kinds, { target: { value: basic?.value } });
  expect(latest).toEqual({ kind: 'basic' });
  type(/Username/, 'me');
  expect(latest).toEqual({ kind: 'basic', username: 'me' });
});

test('a secret is a reference until it is replaced; what is typed isn’t shown', () => {
  show('credential', { kind: 'bearer', secret: '${vault:a.credential.secret}' });
  const field = screen.getByLabelText<HTMLInputElement>(/Secret/);
  expect([field.value, field.readOnly]).toEqual(['${vault:a.credential.secret}', true]);
  fireEvent.click(screen.getByRole('button', { name: 'Replace' }));
  const fresh = screen.getByPlaceholderText<HTMLInputElement>(/The secret itself/);
  expect([fresh.value, fresh.type]).toEqual(['', 'password']);
  fireEvent.change(fresh, { target: { value: 'another' } });
  expect(latest).toEqual({ kind: 'bearer', secret: 'another' });
  fireEvent.change(fresh, { target: { value: '' } });
  expect(latest).toEqual({ kind: 'bearer', secret: '${vault:a.credential.secret}' });
});

test('of a new limit one kind is chosen, and the others are gone', () => {
  show('limits', []);
  fireEvent.click(screen.getByRole('button', { name: 'Add' }));
  expect(screen.queryByRole('button', { name: 'Per' })).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'Rate' }));
  type('Rate', '100/minute');
  expect(latest).toEqual([{ rate: '100/minute' }]);
  expect(screen.queryByRole('button', { name: 'Quota' })).toBeNull();
  expect(screen.getByRole('button', { name: 'Per' })).toBeTruthy();
});

test('what is wrong stands at its field', () => {
  show('limits', [{ rate: '5/minute' }, { rate: 'x' }], { '/limits/1/rate': 'write a rate, as in 5/minute' });
  const [right, wrong] = screen.getAllByLabelText('Rate');
  expect(wrong?.getAttribute('aria-invalid')).toBe('true');
  expect(right?.getAttribute('aria-invalid')).not.toBe('true');
  expect(screen.getByText('write a rate, as in 5/minute')).toBeTruthy();
});

test('what is wrong is said once, and with lines whichever of them it is', () => {
  show('credential', { kind: 'nonsense' }, { '/credential': 'is no credential' });
  expect(screen.getAllByText('is no credential')).toHaveLength(1);
  cleanup();
  show('methods', ['GET', 'G T'], { '/methods/1': 'is no method' });
  expect(screen.getAllByText('is no method')).toHaveLength(1);
});

test('lines are a list, and stay as they are typed', () => {
  show('methods', undefined);
  type('Methods', 'GET\n\n POST ');
  expect(latest).toEqual(['GET', 'POST']);
  expect(screen.getByLabelText<HTMLTextAreaElement>('Methods').value).toBe('GET\n\n POST ');
});

test('a switch that is as usual isn’t written', () => {
  show('via', undefined);
  fireEvent.click(screen.getByLabelText('Via'));
  expect(latest).toBe(true);
  fireEvent.click(screen.getByLabelText('Via'));
  expect(latest).toBeUndefined();
});
