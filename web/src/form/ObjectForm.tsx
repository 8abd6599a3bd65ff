/** The form of an object: its members in groups, what was changed, and saving that as one change. */

import { Button, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { api, ask } from '@/api/client';
import { changeObject, type Kind, type ObjectShown } from '@/api/objects';
import { Problem } from '@/api/problem';
import { useMay } from '@/api/session';
import { useChange } from '@/parts/change';
import { Panel } from '@/parts/Page';
import { Query } from '@/parts/States';
import { useUnsaved } from '@/parts/unsaved';
import { Field } from './Field';
import { isMembers, isSame, patchOf, withMember, type Members } from './json';
import { faultsOf, Form, hasFault, Places, type FormContext } from './place';
import { Refused } from './Refused';
import { labelOf, type Schemas } from './schema';

export interface FormGroup {
  title: string;
  members: string[];
}

interface Props {
  kind: Kind;
  object: ObjectShown;
  /** The name of the object's schema. */
  schema: string;
  groups: FormGroup[];
  /** Members that are changed elsewhere. */
  without?: string[];
  widgets?: FormContext['widgets'];
}

/** The JSON Schema of the document's objects, as the gateway's own description has it. */
export function useSchemas() {
  return useQuery({
    queryKey: ['schemas'],
    queryFn: async (): Promise<Schemas> => {
      const document: unknown = await ask(api.GET('/api/v1/openapi.json'));
      return (document as { components: { schemas: Schemas } }).components.schemas;
    },
    staleTime: Infinity,
  });
}

/** A form that forgets what was typed when the object is another, or has been saved. */
export function ObjectForm(props: Props) {
  const schemas = useSchemas();
  const [base, setBase] = useState(props.object);
  const [round, setRound] = useState(0);
  const begin = (object: ObjectShown): void => {
    setBase(object);
    setRound(round + 1);
  };
  return (
    <Query of={schemas}>
      {(found) => <Draft key={`${base.name} ${round}`} {...props} base={base} schemas={found} onBegin={begin} />}
    </Query>
  );
}

interface DraftProps extends Props {
  /** The object as it was when the form began. */
  base: ObjectShown;
  schemas: Schemas;
  onBegin: (object: ObjectShown) => void;
}

function Draft({ kind, object, base, schema, schemas, groups, without = [], widgets, onBegin }: DraftProps) {
  const before: Members = isMembers(base.data) ? base.data : {};
  const [draft, setDraft] = useState(before);
  const [why, setWhy] = useState('');
  const [places] = useState(() => new Places());
  const mayWrite = useMay('operator');
  const patch = patchOf(before, draft);
  const changed = Object.keys(patch);
  const isDirty = changed.length > 0;
  const save = useChange({
    change: () => changeObject(kind, base.name, { patch, revision: base.revision, why }),
    said: (saved) => `${base.name} is saved${saved.revision === null ? '' : ` as revision ${saved.revision}`}.`,
    refreshes: [kind, 'limits', 'endpoints', 'status'],
    onDone: onBegin,
  });
  const isStale = save.error instanceof Problem && save.error.status === 412;
  const isNewer = object.revision !== base.revision && !isSame(object.data as Members, before);
  const faults = useMemo(() => faultsOf(save.error instanceof Problem ? save.error : null), [save.error]);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    // The first field that is wrong comes into view, above the bar that tells of it.
    form.current?.querySelector('[aria-invalid="true"], .members .field-fault')?.scrollIntoView({ block: 'center' });
  }, [faults]);
  useUnsaved(isDirty);
  const members = schemas[schema]?.properties ?? {};
  const shown = grouped(groups, Object.keys(members).filter((name) => !without.includes(name)));
  return (
    <Form value={{ schemas, faults, note: places.note, widgets: widgets ?? {} }}>
      <form
        ref={form}
        className="stack object-form"
        aria-label={base.name}
        onSubmit={(event) => {
          event.preventDefault();
          if (isDirty && mayWrite) save.mutate(undefined);
        }}
      >
        <fieldset disabled={!mayWrite} className="stack">
          {shown.map((group) => (
            <Panel
              key={group.title}
              title={group.title}
              side={group.members.some((name) => hasFault(faults, `/${name}`)) ? <span className="field-fault">something is wrong here</span> : undefined}
            >
              <div className="members">
                {group.members.map((name) => (
                  <Field
                    key={name}
                    name={name}
                    schema={members[name] ?? {}}
                    value={draft[name]}
                    onChange={(value) => setDraft((now) => withMember(now, name, value))}
                    pointer={`/${name}`}
                  />
                ))}
              </div>
            </Panel>
          ))}
        </fieldset>
        {(isDirty || save.isError) && (
          <div className="save-bar" role="region" aria-label="Unsaved changes">
            {save.isError && <Refused error={save.error} isSaid={(pointer) => places.has(pointer)} />}
            {isNewer && !isStale && (
              <div className="notice" data-tone="warn">
                Somebody has changed it meanwhile. Saving will be refused; begin again with what is there now.
              </div>
            )}
            <div className="save-bar-row">
              <span className="grow dim">
                Changed: <b>{changed.map(labelOf).join(', ') || 'nothing'}</b>
              </span>
              <TextInput aria-label="Why" placeholder="Why (the audit trail keeps it)" value={why} onChange={(event) => setWhy(event.currentTarget.value)} />
              <Button variant="default" onClick={() => onBegin(object)}>
                {isStale || isNewer ? 'Begin again' : 'Discard'}
              </Button>
              <Button type="submit" loading={save.isPending} disabled={!isDirty || !mayWrite}>
                Save
              </Button>
            </div>
          </div>
        )}
      </form>
    </Form>
  );
}

/** The groups with the members that the schema has; those that no group names come last. */
export function grouped(groups: FormGroup[], members: string[]): FormGroup[] {
  const named = new Set(groups.flatMap((group) => group.members));
  const rest = members.filter((name) => !named.has(name));
  return [...groups, { title: 'More', members: rest }]
    .map((group) => ({ ...group, members: group.members.filter((name) => members.includes(name)) }))
    .filter((group) => group.members.length > 0);
}
