/** The filters: a search that understands fields, the usual ones to choose from, the rest to take away. */

import { CloseButton, NativeSelect, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState, type SyntheticEvent } from 'react';
import { useLocation } from 'wouter';
import { api, ask } from '@/api/client';
import { Icon } from '@/parts/Icon';
import { moment } from '@/parts/format';
import { RANGES } from '@/parts/range';
import { SEARCH_FIELD } from '@/shell/keyboard';
import { NAMES, parseTyped, type Filters, type Name } from './filters';

const OUTCOMES = ['completed', 'failed', 'refused', 'interrupted'];
/** `failed` is what figures call a failure: an error's code, or a status of 400 and above. */
const STATUSES = ['failed', '2xx', '3xx', '4xx', '5xx'];
/** Those that have a field of their own. */
const CHOSEN: Name[] = ['upstream', 'consumer', 'outcome', 'status', 'text'];

interface Props {
  filters: Filters;
  change: (wanted: Filters) => void;
  focus: boolean;
}

export function FilterBar({ filters, change, focus }: Props) {
  const upstreams = useNames('upstreams');
  const consumers = useNames('consumers');
  const set = (name: Name, value: string): void => change({ ...filters, [name]: value });
  const since = RANGES.some((range) => range.value === filters.since) ? (filters.since ?? '') : '';
  const rest = (Object.keys(filters) as Name[]).filter(
    (name) => !CHOSEN.includes(name) && !(name === 'since' && since !== ''),
  );
  return (
    <div className="filters" role="search">
      <Search filters={filters} change={change} focus={focus} />
      <Choice name="Upstream" value={filters.upstream} of={upstreams} set={(value) => set('upstream', value)} />
      <Choice name="Consumer" value={filters.consumer} of={consumers} set={(value) => set('consumer', value)} />
      <Choice name="Outcome" value={filters.outcome} of={OUTCOMES} set={(value) => set('outcome', value)} />
      <Choice name="Status" value={filters.status} of={STATUSES} set={(value) => set('status', value)} />
      <NativeSelect
        aria-label="Since"
        value={since}
        onChange={(event) => set('since', event.currentTarget.value)}
        data={[{ value: '', label: 'Any time' }, ...RANGES.map(({ value, label }) => ({ value, label: `Last ${label}` }))]}
      />
      {rest.length > 0 && (
        <div className="chips">
          {rest.map((name) => (
            <span key={name} className="chip">
              <span className="dim">{name}</span> {name === 'since' || name === 'until' ? time(filters[name]) : filters[name]}
              <CloseButton size="xs" aria-label={`Take away the filter ${name}`} onClick={() => set(name, '')} />
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

function Search({ filters, change, focus }: Props) {
  const [text, setText] = useState(filters.text ?? '');
  const [fault, setFault] = useState<string | null>(null);
  const [, navigate] = useLocation();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) field.current?.focus();
  }, [focus]);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const typed = parseTyped(text);
    setFault(typed.kind === 'unknown' ? `There is no field ${typed.name}. Fields are: ${NAMES.join(', ')}.` : null);
    if (typed.kind === 'unknown') return;
    if (typed.kind === 'id') navigate(`/exchanges/${typed.id}`);
    else change({ ...filters, text: '', ...typed.filters });
  };
  return (
    <form onSubmit={submit} className="grow filters-search">
      <TextInput
        ref={field}
        id={SEARCH_FIELD}
        aria-label="Search exchanges"
        placeholder="Part of a path, field=value, or an id"
        leftSection={<Icon name="search" size={14} />}
        value={text}
        error={fault}
        spellCheck={false}
        autoCapitalize="none"
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
        rightSection={
          filters.text === undefined ? (
            <kbd>/</kbd>
          ) : (
            <CloseButton size="xs" aria-label="Clear the search" onClick={() => change({ ...filters, text: '' })} />
          )
        }
      />
    </form>
  );
}

interface Choices {
  name: string;
  value: string | undefined;
  of: string[];
  set: (value: string) => void;
}

function Choice({ name, value = '', of, set }: Choices) {
  const known = value === '' || of.includes(value) ? of : [value, ...of];
  return (
    <NativeSelect
      aria-label={name}
      value={value}
      data-chosen={value !== '' || undefined}
      onChange={(event) => set(event.currentTarget.value)}
      data={[{ value: '', label: name }, ...known.map((one) => ({ value: one, label: one }))]}
    />
  );
}

function useNames(kind: 'upstreams' | 'consumers'): string[] {
  const { data } = useQuery({
    queryKey: [kind, 'names'],
    queryFn: () => ask(api.GET(`/api/v1/${kind}`, { params: { query: { limit: 500 } } })),
    staleTime: 30_000,
  });
  return (data?.items ?? []).map((item) => item.name);
}

function time(text = ''): string {
  return Number.isNaN(Date.parse(text)) ? `${text} ago` : moment(text);
}
