/** The call as it is typed: who calls, what, and with which query, fields and body. */

import { Button, NativeSelect, PasswordInput, SegmentedControl, Select, Textarea, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { SyntheticEvent } from 'react';
import { api, ask } from '@/api/client';
import { useObjects, type Kind } from '@/api/objects';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Code } from '@/parts/Values';
import { asCommand, faultOf, METHODS, missing, type BodyKind, type Trial } from './call';
import { Pairs } from './Pairs';

interface Props {
  trial: Trial;
  onChange: (trial: Trial) => void;
  mayCall: boolean;
  pending: 'explain' | 'send' | null;
  onExplain: () => void;
  onSend: () => void;
}

export function Compose({ trial, onChange, mayCall, pending, onExplain, onSend }: Props) {
  const set = (part: Partial<Trial>): void => onChange({ ...trial, ...part });
  const wanting = missing(trial);
  const whyNotSent = !mayCall ? 'Operators send calls' : trial.as === 'consumer' ? 'Sending needs a key' : wanting;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (whyNotSent === null) onSend();
    else if (wanting === null) onExplain();
  };
  return (
    <form onSubmit={submit} className="stack" aria-label="The call">
      <Panel title="Who calls" side={<WhoCalls trial={trial} set={set} mayCall={mayCall} />}>
        <Caller trial={trial} set={set} mayCall={mayCall} />
      </Panel>
      <Panel
        title="What is called"
        side={
          <SegmentedControl
            aria-label="How the target is named"
            value={trial.to}
            onChange={(value) => set({ to: value })}
            data={[
              { value: 'upstream', label: 'Upstream' },
              { value: 'url', label: 'URL' },
            ]}
          />
        }
      >
        <div className="stack-small">
          <Target trial={trial} set={set} />
          <Pairs label="Query" of={trial.query} onChange={(query) => set({ query })} hint={['name', 'value']} />
          <Pairs label="Fields of the request" of={trial.headers} onChange={(headers) => set({ headers })} hint={['accept', 'application/json']} />
          <Body trial={trial} set={set} />
          <TextInput
            label="Time limit in seconds"
            placeholder="as the upstream has it"
            inputMode="decimal"
            value={trial.timeout}
            onChange={(event) => set({ timeout: event.currentTarget.value })}
          />
        </div>
      </Panel>
      <div className="trial-acts">
        <span className="dim small grow">{whyNotSent}</span>
        <Button variant="default" disabled={wanting !== null} title={wanting ?? undefined} loading={pending === 'explain'} onClick={onExplain}>
          Explain
        </Button>
        <Button type="submit" disabled={whyNotSent !== null} title={whyNotSent ?? undefined} loading={pending === 'send'} leftSection={<Icon name="play" size={12} />}>
          Send
        </Button>
      </div>
      {wanting === null && trial.as === 'key' && <Command trial={trial} />}
    </form>
  );
}

interface PartProps {
  trial: Trial;
  set: (part: Partial<Trial>) => void;
}

function WhoCalls({ trial, set, mayCall }: PartProps & { mayCall: boolean }) {
  if (!mayCall) return null;
  return (
    <SegmentedControl
      aria-label="Who calls"
      value={trial.as}
      onChange={(value) => set({ as: value })}
      data={[
        { value: 'key', label: 'A key' },
        { value: 'consumer', label: 'A consumer' },
      ]}
    />
  );
}

function Caller({ trial, set, mayCall }: PartProps & { mayCall: boolean }) {
  if (trial.as === 'consumer') {
    return (
      <Names
        kind="consumers"
        label="Consumer"
        hint="Choose a consumer"
        description={mayCall ? 'A call in its name can be explained, but not sent: sending needs a key.' : 'Viewers have calls explained; operators send them.'}
        value={trial.consumer}
        onChange={(consumer) => set({ consumer })}
      />
    );
  }
  return (
    <PasswordInput
      label="Key"
      size="xs"
      placeholder="exeat_…"
      description="It stays in this page, and is forgotten when you leave it."
      autoComplete="off"
      data-1p-ignore
      data-lpignore="true"
      spellCheck={false}
      className="mono-field"
      value={trial.key}
      onChange={(event) => set({ key: event.currentTarget.value })}
    />
  );
}

function Names({ kind, value, onChange, label, description, hint }: { kind: Kind; label: string; hint: string; description?: string; value: string; onChange: (value: string) => void }) {
  const { data, isPending } = useObjects(kind);
  const names = (data ?? []).map(({ name }) => name);
  return (
    <Select
      label={label}
      description={description}
      placeholder={isPending ? 'Reading…' : names.length === 0 ? 'There is none yet' : hint}
      searchable
      allowDeselect={false}
      nothingFoundMessage="There is none of that name"
      data={value === '' || names.includes(value) ? names : [value, ...names]}
      value={value === '' ? null : value}
      onChange={(name) => onChange(name ?? '')}
    />
  );
}

function Target({ trial, set }: PartProps) {
  const method = (
    <NativeSelect
      label="Method"
      value={trial.method}
      onChange={(event) => set({ method: event.currentTarget.value })}
      data={METHODS.includes(trial.method) ? METHODS : [trial.method, ...METHODS]}
    />
  );
  if (trial.to === 'url') {
    return (
      <div className="trial-line mono-field">
        {method}
        <TextInput
          label="URL"
          placeholder="https://api.example.com/v1/things"
          spellCheck={false}
          autoCapitalize="none"
          value={trial.url}
          onChange={(event) => set({ url: event.currentTarget.value })}
        />
      </div>
    );
  }
  return (
    <>
      <Names kind="upstreams" label="Upstream" hint="Choose an upstream" value={trial.upstream} onChange={(upstream) => set({ upstream })} />
      <div className="trial-line mono-field">
        {method}
        <TextInput
          label="Path"
          placeholder="/"
          spellCheck={false}
          autoCapitalize="none"
          value={trial.path}
          onChange={(event) => set({ path: event.currentTarget.value })}
        />
      </div>
    </>
  );
}

const BODIES: { value: BodyKind; label: string }[] = [
  { value: 'none', label: 'None' },
  { value: 'json', label: 'JSON' },
  { value: 'form', label: 'Form' },
  { value: 'text', label: 'Text' },
];

function Body({ trial, set }: PartProps) {
  const fault = trial.body === 'json' && trial.text.trim() !== '' ? faultOf(trial.text) : null;
  return (
    <div className="rows">
      <div className="rows-head">
        <span className="field-label">Body</span>
        <SegmentedControl aria-label="Body" value={trial.body} onChange={(value) => set({ body: value })} data={BODIES} />
      </div>
      {(trial.body === 'json' || trial.body === 'text') && (
        <Textarea
          aria-label={trial.body === 'json' ? 'The body, as JSON' : 'The body'}
          className="mono-field"
          autosize
          minRows={4}
          maxRows={16}
          spellCheck={false}
          placeholder={trial.body === 'json' ? '{"text": "…"}' : ''}
          error={fault}
          value={trial.text}
          onChange={(event) => set({ text: event.currentTarget.value })}
        />
      )}
      {trial.body === 'form' && <Pairs label="Form" of={trial.form} onChange={(form) => set({ form })} hint={['name', 'value']} />}
    </div>
  );
}

/** The same call from elsewhere: where the gateway listens, its settings say. */
function Command({ trial }: { trial: Trial }) {
  const settings = useQuery({ queryKey: ['settings'], queryFn: () => ask(api.GET('/api/v1/settings')), staleTime: Infinity });
  const listen = settings.data?.items.find(({ variable }) => variable === 'EXEAT_LISTEN')?.value ?? '127.0.0.1:8080';
  const isTls = settings.data?.items.some(({ variable, value }) => variable === 'EXEAT_TLS_CERTIFICATE' && value !== null) === true;
  const [first = ''] = listen.split(',');
  const gateway = `${isTls ? 'https' : 'http'}://${first.startsWith(':') ? `127.0.0.1${first}` : first}`;
  return (
    <details className="folded">
      <summary className="small">
        <Icon name="down" size={13} /> The same as a command
      </summary>
      <Code label="The same as a curl command" text={asCommand(trial, gateway)} />
    </details>
  );
}
