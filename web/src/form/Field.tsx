/** A field for a value, made from its schema: the shape in which it is written, and what belongs to that. */

import { ActionIcon, Button, Checkbox, NativeSelect, Textarea, Tooltip } from '@mantine/core';
import { use, useId, type ReactNode } from 'react';
import { Icon } from '@/parts/Icon';
import { isMembers, textOf, withMember, type Json, type Members } from './json';
import { Form, pointerTo, useFault, type FieldProps } from './place';
import { Lines, SecretField, TextField, Pairs } from './inputs';
import { Prose } from './Prose';
import {
  beginning, hintOf, isSecret, labelOf, resolve, shapeFor, shapesOf, type Schema, type Shape,
} from './schema'; // prettier-ignore

/** Label, description and field of a member. */
export function Field(props: FieldProps) {
  const { schemas, widgets } = use(Form);
  const widget = widgets[props.pointer];
  const schema = resolve(props.schema, schemas);
  const label = labelOf(props.name);
  if (widget !== undefined) return widget(props);
  const shapes = shapesOf(schema, schemas);
  const only = shapes[0];
  if (shapes.length === 1 && only !== undefined && isSimple(only)) {
    return <Value {...props} schema={schema} shape={only} label={label} description={schema.description} />;
  }
  return <Shaped {...props} schema={schema} shapes={shapes} label={label} />;
}

function isSimple(shape: Shape): boolean {
  return ['text', 'choice', 'switch', 'lines'].includes(shape.kind);
}

/** A value that may be written in several ways, or is a group: which way, then the value itself. */
function Shaped({ shapes, label, ...props }: FieldProps & { shapes: Shape[]; label: string }) {
  const { value, onChange, schema, isRequired = false } = props;
  const id = useId();
  const shape = value === undefined ? undefined : shapeFor(value, shapes);
  const said = useFault(props.pointer);
  // A simple value and pairs say it themselves.
  const fault = shape === undefined || shape.kind === 'list' || shape.kind === 'group' ? said : undefined;
  const number = shape === undefined ? -1 : shapes.indexOf(shape);
  return (
    <div className="field-group" role="group" aria-labelledby={id}>
      <div className="field-group-head">
        <div className="grow">
          <span id={id} className="field-label">
            {label}
          </span>
          {schema.description !== undefined && <Prose text={schema.description} />}
        </div>
        {shapes.length > 1 && (
          <NativeSelect
            aria-label={`How ${label} is written`}
            value={String(number)}
            onChange={(event) => {
              const chosen = shapes[Number(event.currentTarget.value)];
              onChange(chosen === undefined ? undefined : beginning(chosen));
            }}
            data={[
              ...(isRequired && value !== undefined ? [] : [{ value: '-1', label: 'not set' }]),
              ...shapes.map((one, index) => ({ value: String(index), label: one.label })),
            ]}
          />
        )}
        {shapes.length === 1 && value === undefined && (
          <Button variant="default" size="compact-xs" onClick={() => onChange(shapes[0] && beginning(shapes[0]))}>
            Set
          </Button>
        )}
        {shapes.length === 1 && value !== undefined && !isRequired && <Remove label={label} onClick={() => onChange(undefined)} />}
      </div>
      {fault !== undefined && <p className="field-fault">{fault}</p>}
      {shape !== undefined && value !== undefined && (
        <div className="field-group-body">
          <Value {...props} shape={shape} label="" />
        </div>
      )}
    </div>
  );
}

type ValueProps = FieldProps & { shape: Shape; label: string; description?: string };

/** The value itself, in one shape. */
export function Value({ shape, label, description, ...props }: ValueProps) {
  const { value, onChange, isRequired = false } = props;
  const fault = useFault(props.pointer, shape.kind === 'lines');
  const shown = {
    label: label === '' ? undefined : label,
    'aria-label': label === '' ? labelOf(props.name) : undefined,
    description: description === undefined ? undefined : <Prose text={description} isInline />,
    error: fault,
    required: isRequired,
  };
  switch (shape.kind) {
    case 'text':
      if (isSecret(shape.schema)) return <SecretField {...shown} value={value} onChange={onChange} />;
      return <TextField {...shown} shape={shape} value={value} onChange={onChange} hint={hintOf({ ...shape.schema, ...pick(props.schema) })} />;
    case 'choice':
      return <Choice {...shown} shape={shape} value={value} onChange={onChange} usual={shape.schema.default ?? props.schema.default} />;
    case 'switch':
      return (
        <Checkbox
          {...shown}
          size="xs"
          checked={(value ?? shape.schema.default ?? false) === true}
          onChange={(event) => {
            const isOn = event.currentTarget.checked;
            onChange(isOn === (shape.schema.default === true) && !isRequired ? undefined : isOn);
          }}
        />
      );
    case 'lines':
      return <Lines {...shown} value={value} onChange={onChange} hint={hintOf(shape.schema)} items={shape.schema.items ?? {}} />;
    case 'list':
      return <List {...props} value={Array.isArray(value) ? value : []} items={shape.items} />;
    case 'map':
      return <Pairs value={isMembers(value) ? value : {}} onChange={onChange} pointer={props.pointer} />;
    case 'group':
      return <Group {...props} shape={shape} />;
  }
}

function pick({ default: usual, examples, anyOf }: Schema): Partial<Schema> {
  return { ...(usual === undefined ? {} : { default: usual }), ...(examples === undefined ? {} : { examples }), anyOf };
}

interface ChoiceProps {
  label?: string;
  description?: ReactNode;
  error?: string;
  required: boolean;
  shape: Extract<Shape, { kind: 'choice' }>;
  value: Json | undefined;
  onChange: (value: Json | undefined) => void;
  usual: Json | undefined;
}

function Choice({ shape, value, onChange, usual, required, ...shown }: ChoiceProps) {
  if (shape.values.length === 1 && shown.label === undefined) return null; // the word is the way it is written
  return (
    <NativeSelect
      {...shown}
      required={required}
      value={textOf(value)}
      onChange={(event) => onChange(event.currentTarget.value === '' ? undefined : event.currentTarget.value)}
      data={[
        ...(required && value !== undefined ? [] : [{ value: '', label: usual === undefined ? 'not set' : `${textOf(usual)}, as usual` }]),
        ...shape.values.map((word) => ({ value: word, label: word })),
      ]}
    />
  );
}

/** The members of a group. Of many, those that aren't written are offered by name. */
export function Group({ shape, ...props }: FieldProps & { shape: Extract<Shape, { kind: 'group' }> }) {
  const { schemas } = use(Form);
  const members: Members = isMembers(props.value) ? props.value : { ...shape.fixed };
  const known = Object.entries(shape.members);
  const extra = Object.keys(members).filter((name) => !(name in shape.members) && !(name in shape.fixed));
  const required = shape.schema.required ?? [];
  const isSet = (name: string): boolean => members[name] !== undefined;
  const chosen = shape.oneOf.find(isSet);
  const isOffered = (name: string): boolean => known.length > 6 && !isSet(name) && !required.includes(name);
  const change = (name: string, value: Json | undefined): void => props.onChange(withMember(members, name, value));
  const choices = chosen === undefined ? shape.oneOf : [];
  const offered = known.filter(([name]) => (choices.length > 0 ? choices.includes(name) : isOffered(name) && !shape.oneOf.includes(name)));
  return (
    <>
      <div className="fields">
        {known
          .filter(([name]) => !isOffered(name))
          .map(([name, schema]) => (
            <Field
              key={name}
              name={name}
              schema={schema}
              value={members[name]}
              onChange={(value) => change(name, value)}
              pointer={pointerTo(props.pointer, name)}
              isRequired={required.includes(name)}
            />
          ))}
        {extra.map((name) => (
          <Other key={name} name={name} value={members[name]} onChange={(value) => change(name, value)} pointer={pointerTo(props.pointer, name)} />
        ))}
      </div>
      {offered.length > 0 && (
        <div className="offered">
          {choices.length > 0 && <span className="small">One of these:</span>}
          {offered.map(([name, schema]) => (
            <Tooltip key={name} label={resolve(schema, schemas).description ?? ''} multiline maw={340}>
              <button type="button" className="chip" onClick={() => change(name, beginningOf(schema))}>
                <Icon name="plus" size={12} /> {labelOf(name)}
              </button>
            </Tooltip>
          ))}
        </div>
      )}
    </>
  );

  function beginningOf(schema: Schema): Json {
    const first = shapesOf(schema, schemas)[0];
    return first === undefined ? '' : beginning(first);
  }
}

/** A member of which the schema says nothing: a secret of a preset, or JSON. */
function Other({ name, value, onChange, pointer }: { name: string } & Pick<FieldProps, 'value' | 'onChange' | 'pointer'>) {
  const error = useFault(pointer);
  if (typeof value === 'string') return <SecretField label={labelOf(name)} error={error} required={false} value={value} onChange={onChange} />;
  return <Textarea label={labelOf(name)} error={error} readOnly autosize value={JSON.stringify(value, null, 2)} />;
}

/** Several values of one kind, one below the other. */
function List({ items, ...props }: FieldProps & { value: Json[]; items: Schema }) {
  const { schemas } = use(Form);
  const { value, onChange } = props;
  const shapes = shapesOf(items, schemas);
  const first = shapes.find((shape) => shape.kind === 'group') ?? shapes[0];
  return (
    <div className="list">
      {value.map((item, number) => (
        <div key={number} className="list-item">
          <div className="grow">
            <Item
              shapes={shapes}
              name={`${props.name} ${number + 1}`}
              schema={items}
              value={item}
              onChange={(changed) => onChange(value.map((other, index) => (index === number ? (changed ?? '') : other)))}
              pointer={pointerTo(props.pointer, number)}
            />
          </div>
          <Remove label={`${labelOf(props.name)} ${number + 1}`} onClick={() => onChange(value.filter((_, index) => index !== number))} />
        </div>
      ))}
      <div>
        <Button
          variant="default"
          size="compact-xs"
          leftSection={<Icon name="plus" size={12} />}
          onClick={() => onChange(value.concat([first === undefined ? '' : beginning(first)]))}
        >
          Add
        </Button>
      </div>
    </div>
  );
}

function Item({ shapes, ...props }: FieldProps & { shapes: Shape[] }) {
  const shape = props.value === undefined ? undefined : shapeFor(props.value, shapes);
  const fault = useFault(props.pointer);
  if (shape === undefined || props.value === undefined) return null;
  return (
    <>
      {shapes.length > 1 && (
        <NativeSelect
          aria-label={`How ${props.name} is written`}
          mb={6}
          value={String(shapes.indexOf(shape))}
          onChange={(event) => {
            const chosen = shapes[Number(event.currentTarget.value)];
            if (chosen !== undefined) props.onChange(beginning(chosen));
          }}
          data={shapes.map((one, index) => ({ value: String(index), label: one.label }))}
        />
      )}
      {fault !== undefined && <p className="field-fault">{fault}</p>}
      <Value {...props} shape={shape} label="" />
    </>
  );
}

export function Remove({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <Tooltip label="Remove">
      <ActionIcon aria-label={`Remove ${label}`} onClick={onClick}>
        <Icon name="close" size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

