/** The fields into which one types: a text or number, lines, pairs, a secret. */

import { Button, PasswordInput, Textarea, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Icon } from '@/parts/Icon';
import { isMembers, type Json, type Members } from './json';
import { useFault } from './place';
import { typed, type Schema } from './schema';

interface Shown {
  label?: string;
  'aria-label'?: string;
  description?: ReactNode;
  error?: string;
  required: boolean;
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
}

/** A text, or a number where one is meant. */
export function TextField({
  shape,
  value,
  onChange,
  hint,
  ...shown
}: Shown & { shape: { isNumber: boolean; isText: boolean }; hint: string }) {
  return (
    <TextInput
      {...shown}
      value={typeof value === 'string' || typeof value === 'number' ? String(value) : ''}
      placeholder={hint}
      autoComplete="off"
      spellCheck={false}
      onChange={(event) => onChange(typed(event.currentTarget.value, shape))}
    />
  );
}

/** A list of texts, one in a line. */
export function Lines({ value, onChange, hint, items, ...shown }: Shown & { hint: string; items: Schema }) {
  const isNumber = items.type === 'integer' || (items.anyOf ?? []).some((way) => way.type === 'integer');
  const known = (Array.isArray(value) ? value : []).map(String);
  const [text, setText] = useState(known.join('\n'));
  const lines = linesOf(text);
  // What is typed stays as it is, blank lines and all, until the value is changed from elsewhere.
  const shownText = lines.join('\n') === known.join('\n') ? text : known.join('\n');
  return (
    <Textarea
      {...shown}
      autosize
      minRows={Math.max(1, Math.min(3, hint.split('\n').length))}
      maxRows={12}
      className="lines"
      value={shownText}
      placeholder={hint}
      spellCheck={false}
      onChange={(event) => {
        setText(event.currentTarget.value);
        const found = linesOf(event.currentTarget.value);
        onChange(found.length === 0 ? undefined : found.map((line) => typed(line, { isNumber, isText: true }) ?? line));
      }}
    />
  );
}

export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Names and values. */
export function Pairs({ value, onChange, pointer }: { value: Members; onChange: (value: Json) => void; pointer: string }) {
  const fault = useFault(pointer);
  const pairs = Object.entries(value);
  const change = (number: number, name: string, text: string): void =>
    onChange(Object.fromEntries(pairs.map((pair, index) => (index === number ? [name, text] : pair))));
  return (
    <div className="list">
      {fault !== undefined && <p className="field-fault">{fault}</p>}
      {pairs.map(([name, text], number) => (
        <div key={number} className="pair">
          <TextInput aria-label="Name" value={name} onChange={(event) => change(number, event.currentTarget.value, asText(text))} />
          <TextInput aria-label={`Value of ${name}`} value={asText(text)} onChange={(event) => change(number, name, event.currentTarget.value)} />
        </div>
      ))}
      <div>
        <Button
          variant="default"
          size="compact-xs"
          leftSection={<Icon name="plus" size={12} />}
          disabled={'' in value}
          onClick={() => onChange({ ...value, '': '' })}
        >
          Add
        </Button>
      </div>
    </div>
  );
}

function asText(value: Json | undefined): string {
  return isMembers(value) || Array.isArray(value) ? JSON.stringify(value) : String(value ?? '');
}

const REFERENCE = /^\$\{[^{}]*\}$/;

/** A secret goes in and never comes out: what is there is a reference, and can be replaced. */
export function SecretField({ value, onChange, ...shown }: Shown) {
  const [was] = useState(value); // what the field began with
  const [isReplaced, setReplaced] = useState(false);
  const text = typeof value === 'string' ? value : '';
  const isKept = typeof was === 'string' && REFERENCE.test(was) && value === was && !isReplaced;
  if (isKept) {
    return (
      <TextInput
        {...shown}
        readOnly
        value={was}
        leftSection={<Icon name="lock" size={13} />}
        rightSectionWidth={72}
        rightSection={
          <Button variant="subtle" size="compact-xs" onClick={() => setReplaced(true)}>
            Replace
          </Button>
        }
      />
    );
  }
  if (REFERENCE.test(text) && !isReplaced) {
    return <TextInput {...shown} value={text} onChange={(event) => onChange(event.currentTarget.value || undefined)} />;
  }
  return (
    <PasswordInput
      {...shown}
      size="xs"
      autoComplete="off"
      data-autofocus={isReplaced || undefined}
      placeholder="The secret itself, or a reference such as ${file:/run/secrets/token}"
      value={isReplaced && value === was ? '' : text}
      onChange={(event) => onChange(event.currentTarget.value === '' ? (isReplaced ? was : undefined) : event.currentTarget.value)}
    />
  );
}
