/** The editor of a consumer's grants: what for, and on which terms. */

import { Button, NativeSelect } from '@mantine/core';
import { use, useState } from 'react';
import { useObjects } from '@/api/objects';
import { Icon } from '@/parts/Icon';
import { Field, Remove } from '@/form/Field';
import { withMember, type Json } from '@/form/json';
import { Form, hasFault, pointerTo, useFault, type Widget } from '@/form/place';
import { grantOf, targetOf, termsOf, titleOf, type Target } from './grant';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const MORE = ['paths', 'limits', 'mode'];

export function GrantsField({ value, onChange, pointer }: Widget) {
  const upstreams = useObjects('upstreams');
  const grants = Array.isArray(value) ? value : [];
  const fault = useFault(pointer);
  const names = (upstreams.data ?? []).map(({ name }) => name);
  const unused = names.find((name) => !grants.some((grant) => titleOf(grant) === name));
  return (
    <div className="list">
      {fault !== undefined && <p className="field-fault">{fault}</p>}
      {grants.length === 0 && <p className="dim">It has no grants: its keys can call nothing.</p>}
      {grants.map((grant, number) => (
        <GrantRow
          key={number}
          grant={grant}
          names={names}
          pointer={pointerTo(pointer, number)}
          onChange={(changed) => onChange(grants.map((other, index) => (index === number ? changed : other)))}
          onRemove={() => onChange(grants.filter((_, index) => index !== number))}
        />
      ))}
      <div>
        <Button
          variant="default"
          size="compact-xs"
          leftSection={<Icon name="plus" size={12} />}
          onClick={() => onChange([...grants, unused ?? 'destinations'])}
        >
          Grant
        </Button>
      </div>
    </div>
  );
}

interface RowProps {
  grant: Json;
  names: string[];
  pointer: string;
  onChange: (grant: Json) => void;
  onRemove: () => void;
}

function GrantRow({ grant, names, pointer, onChange, onRemove }: RowProps) {
  const { schemas, faults } = use(Form);
  const target = targetOf(grant);
  const terms = termsOf(grant);
  const own = useFault(pointer);
  const fault = useFault(pointerTo(pointer, target.kind)) ?? own;
  const isFaulty = MORE.some((name) => hasFault(faults, pointerTo(pointer, name)));
  const [isOpen, setOpen] = useState(MORE.some((name) => terms[name] !== undefined));
  const set = (name: string, term: Json | undefined): void => onChange(grantOf(target, withMember(terms, name, term)));
  return (
    <div className="list-item" role="group" aria-label={`Grant for ${titleOf(grant)}`}>
      <div className="grow stack-small">
        <div className="row">
          <NativeSelect
            aria-label="What for"
            value={`${target.kind} ${target.name}`}
            error={fault !== undefined}
            onChange={(event) => onChange(chosen(event.currentTarget.value, grant))}
            data={targets(names, target)}
          />
          <Methods value={terms['methods']} onChange={(methods) => set('methods', methods)} />
          <Button variant="subtle" size="compact-xs" aria-expanded={isOpen || isFaulty} onClick={() => setOpen(!isOpen)}>
            {isOpen ? 'Less' : 'Paths, limits'}
          </Button>
        </div>
        {fault !== undefined && <p className="field-fault">{fault}</p>}
        {(isOpen || isFaulty) && (
          <div className="fields one">
            {MORE.map((name) => (
              <Field
                key={name}
                name={name}
                schema={schemas['Grant']?.properties?.[name] ?? {}}
                value={terms[name]}
                onChange={(term) => set(name, term)}
                pointer={pointerTo(pointer, name)}
              />
            ))}
          </div>
        )}
      </div>
      <Remove label={`the grant for ${titleOf(grant)}`} onClick={onRemove} />
    </div>
  );
}

/** What can be chosen: every upstream, all of them, destinations; and what is there now, whatever that is. */
function targets(names: string[], { kind, name }: Target): { value: string; label: string }[] {
  const now = `${kind} ${name}`;
  const known = [
    ...names.map((one) => ({ value: `upstream ${one}`, label: one })),
    { value: 'upstream *', label: 'all upstreams' },
    { value: 'destination *', label: 'all destinations' },
    { value: 'everything *', label: 'everything' },
  ];
  return known.some(({ value }) => value === now) ? known : [{ value: now, label: name }, ...known];
}

function chosen(value: string, before: Json): Json {
  const [kind, name = ''] = value.split(/ (.*)/s);
  return grantOf({ kind: kind as Target['kind'], name }, termsOf(before));
}

function Methods({ value, onChange }: { value: Json | undefined; onChange: (value: Json | undefined) => void }) {
  const chosenOnes = Array.isArray(value) ? value.map(String) : [];
  const others = chosenOnes.filter((method) => !METHODS.includes(method));
  return (
    <span className="row" role="group" aria-label="Methods; none chosen stands for all">
      {[...METHODS, ...others].map((method) => {
        const isOn = chosenOnes.includes(method);
        return (
          <button
            key={method}
            type="button"
            className="chip"
            aria-pressed={isOn}
            onClick={() => {
              const after = isOn ? chosenOnes.filter((one) => one !== method) : [...chosenOnes, method];
              onChange(after.length === 0 ? undefined : after);
            }}
          >
            {method}
          </button>
        );
      })}
      {chosenOnes.length === 0 && <span className="dim small">all methods</span>}
    </span>
  );
}
