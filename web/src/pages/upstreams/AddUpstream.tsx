/** A new upstream: from a preset, or by hand. */

import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { makeObject, usePresets, type Preset } from '@/api/objects';
import { Problem } from '@/api/problem';
import { Field } from '@/form/Field';
import { useSchemas } from '@/form/ObjectForm';
import { withMember, type Json, type Members } from '@/form/json';
import { SecretField, TextField } from '@/form/inputs';
import { faultsOf, Form, Places } from '@/form/place';
import { Refused } from '@/form/Refused';
import { labelOf } from '@/form/schema';
import { useParameter } from '@/parts/address';
import { useChange } from '@/parts/change';
import { Icon } from '@/parts/Icon';
import { PageHead, Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { useUnsaved } from '@/parts/unsaved';

export function AddUpstream({ way }: { way: string }) {
  const [, setWay] = useParameter('add');
  return (
    <>
      <Link href="/upstreams" className="back small">
        <Icon name="back" size={13} /> Upstreams
      </Link>
      <PageHead title="Add an upstream">
        <SegmentedControl
          aria-label="How"
          value={way === 'hand' ? 'hand' : 'preset'}
          onChange={setWay}
          data={[
            { value: 'preset', label: 'From a preset' },
            { value: 'hand', label: 'By hand' },
          ]}
        />
      </PageHead>
      {way === 'hand' ? <ByHand /> : <FromPreset />}
    </>
  );
}

function FromPreset() {
  const presets = usePresets();
  const [name, setName] = useParameter('preset');
  const [search, setSearch] = useState('');
  return (
    <Query of={presets} rows={8}>
      {({ items }) => {
        const chosen = items.find((preset) => preset.name === name);
        if (chosen !== undefined) return <PresetForm key={name} preset={chosen} onBack={() => setName('')} />;
        const found = searched(items, search);
        return (
          <div className="stack">
            <TextInput
              aria-label="Search presets"
              placeholder={`Search ${items.length} APIs`}
              leftSection={<Icon name="search" size={14} />}
              className="narrow"
              autoFocus
              value={search}
              onChange={(event) => setSearch(event.currentTarget.value)}
            />
            {found.length === 0 ? (
              <Empty title="No preset is called that">Any other API can be added by hand: it takes a URL and a credential.</Empty>
            ) : (
              <ul className="presets">
                {found.map((preset) => (
                  <li key={preset.name}>
                    <button type="button" onClick={() => setName(preset.name)}>
                      <b>{preset.title}</b>
                      <span className="dim small mono cut">{preset.url.replace(/^https:\/\//, '')}</span>
                    </button>
                  </li>
                ))}
              </ul>
            )}
          </div>
        );
      }}
    </Query>
  );
}

/** The presets with these words in their name, title or URL. */
export function searched(presets: Preset[], search: string): Preset[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return presets.filter(({ name, title, url }) => {
    const text = `${name} ${title} ${url}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** What an upstream made of a preset is. */
export function presetUpstream(preset: Preset, said: Record<string, string>, secrets: Record<string, string>): Members {
  const given = Object.fromEntries(Object.entries(said).filter(([, value]) => value.trim() !== ''));
  return {
    preset: preset.name,
    ...(Object.keys(given).length === 0 ? {} : { with: given }),
    ...(Object.keys(secrets).length === 0 ? {} : { credential: secrets }),
  };
}

function PresetForm({ preset, onBack }: { preset: Preset; onBack: () => void }) {
  const [name, setName] = useState(preset.name);
  const [said, setSaid] = useState<Record<string, string>>({});
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const make = useMake();
  const faults = faultsOf(make.error instanceof Problem ? make.error : null);
  const parameters = Object.entries(preset.parameters);
  return (
    <AddForm
      title={preset.title}
      side={
        <Button variant="subtle" size="compact-xs" onClick={onBack}>
          Another preset
        </Button>
      }
      name={name}
      onName={setName}
      make={make}
      isDirty={[...Object.values(said), ...Object.values(secrets)].some((text) => text !== '')}
      isSaid={(pointer) => /^\/(with|credential)\/[^/]+$/.test(pointer)}
      data={() => presetUpstream(preset, said, secrets)}
    >
      <p className="dim">
        <code className="break">{preset.url}</code>. What the preset knows (hosts, credential, paging, limits) follows Exeat’s
        updates; anything can be written over later.
      </p>
      {parameters.map(([parameter, { what, example, default: usual }]) => (
        <TextField
          key={parameter}
          label={labelOf(parameter)}
          description={sentence(what)}
          error={faults[`/with/${parameter}`]}
          required={usual === null}
          shape={{ isNumber: false, isText: true }}
          hint={usual ?? example}
          value={said[parameter]}
          onChange={(value) => setSaid({ ...said, [parameter]: asText(value) })}
        />
      ))}
      {Object.entries(preset.secrets).map(([secret, what]) => (
        <SecretField
          key={secret}
          label={labelOf(secret)}
          description={`${sentence(what)} It is sealed in the vault, and never shown again.`}
          error={faults[`/credential/${secret}`]}
          required
          value={secrets[secret]}
          onChange={(value) => setSecrets({ ...secrets, [secret]: asText(value) })}
        />
      ))}
    </AddForm>
  );
}

function asText(value: Json | undefined): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

/** `an API key` as a sentence: An API key. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}

const BY_HAND = ['url', 'credential'];

function ByHand() {
  const schemas = useSchemas();
  const [name, setName] = useState('');
  const [data, setData] = useState<Members>({});
  const [places] = useState(() => new Places());
  const make = useMake();
  const faults = faultsOf(make.error instanceof Problem ? make.error : null);
  return (
    <Query of={schemas} rows={5}>
      {(found) => (
        <Form value={{ schemas: found, faults, note: places.note, widgets: {} }}>
          <AddForm title="What has to be known" name={name} onName={setName} make={make} isDirty={Object.keys(data).length > 0} isSaid={(pointer) => places.has(pointer)} data={() => data}>
            {BY_HAND.map((member) => (
              <Field
                key={member}
                name={member}
                schema={found['Upstream']?.properties?.[member] ?? {}}
                value={data[member]}
                onChange={(value) => setData((now) => withMember(now, member, value))}
                pointer={`/${member}`}
                isRequired={member === 'url'}
              />
            ))}
            <p className="dim">Everything else, from limits to TLS, can be set once it is there.</p>
          </AddForm>
        </Form>
      )}
    </Query>
  );
}

function useMake() {
  const [, navigate] = useLocation();
  return useChange({
    change: ({ name, data }: { name: string; data: Members }) => makeObject('upstreams', name, data),
    said: ({ name }) => `${name} is added. A test call shows whether it works.`,
    refreshes: ['upstreams', 'limits'],
    onDone: ({ name }) => navigate(`/upstreams/${name}`),
  });
}

interface AddFormProps {
  title: string;
  side?: ReactNode;
  name: string;
  onName: (name: string) => void;
  make: ReturnType<typeof useMake>;
  /** Whether anything was typed that would be lost. */
  isDirty: boolean;
  /** Whether a field says what is wrong at a place. */
  isSaid: (pointer: string) => boolean;
  data: () => Members;
  children: ReactNode;
}

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

function AddForm({ title, side, name, onName, make, isDirty, isSaid, data, children }: AddFormProps) {
  useUnsaved(isDirty && !make.isPending && !make.isSuccess);
  const isName = NAME.test(name);
  return (
    <form
      className="narrow-form"
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate({ name, data: data() });
      }}
    >
      <Panel title={title} side={side}>
        <div className="fields one">
          <TextInput
            label="Name"
            description="What callers and grants call it."
            placeholder="billing"
            required
            value={name}
            error={name !== '' && !isName ? 'Begin with a letter; then small letters, digits and hyphens, at most 63.' : undefined}
            onChange={(event) => onName(event.currentTarget.value)}
          />
          {children}
          {make.isError && <Refused error={make.error} isSaid={isSaid} />}
          <div className="dialog-foot">
            <Button variant="default" component={Link} href="/upstreams">
              Cancel
            </Button>
            <Button type="submit" loading={make.isPending} disabled={!isName}>
              Add
            </Button>
          </div>
        </div>
      </Panel>
    </form>
  );
}
