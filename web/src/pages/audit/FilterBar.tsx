/** The filters of the audit trail: a search that understands fields, and the usual ones to choose from. */

import { CloseButton, NativeSelect, TextInput } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import { useLocation } from 'wouter';
import { Icon } from '@/parts/Icon';
import { moment } from '@/parts/format';
import { RANGES } from '@/parts/range';
import { SEARCH_FIELD } from '@/shell/keyboard';
import { ACTIONS, parseTyped, RECORDS, type Filters, type Name } from './filters';

const LONGER = [
  { value: '90d', label: 'Last 90 d' },
  { value: '365d', label: 'Last year' },
];
const SINCE = [...RANGES.map(({ value, label }) => ({ value, label: `Last ${label}` })), ...LONGER];

interface Props {
  filters: Filters;
  change: (wanted: Filters) => void;
}

export function FilterBar({ filters, change }: Props) {
  const set = (name: Name, value: string): void => change({ ...filters, [name]: value });
  const isOfExchanges = filters.kind === 'exchange';
  const since = SINCE.some(({ value }) => value === filters.since) ? (filters.since ?? '') : '';
  const rest = (Object.keys(filters) as Name[]).filter(
    (name) => !['kind', 'action'].includes(name) && !(name === 'since' && since !== ''),
  );
  return (
    <div className="filters" role="search">
      <Search filters={filters} change={change} />
      <NativeSelect
        aria-label="Records"
        value={filters.kind ?? ''}
        data-chosen={filters.kind !== undefined || undefined}
        onChange={(event) => {
          const { action, ...others } = filters;
          const kind = event.currentTarget.value;
          change({ ...others, ...(kind === 'exchange' || action === undefined ? {} : { action }), kind });
        }}
        data={[...RECORDS]}
      />
      {!isOfExchanges && (
        <NativeSelect
          aria-label="Action"
          value={filters.action ?? ''}
          data-chosen={filters.action !== undefined || undefined}
          onChange={(event) => set('action', event.currentTarget.value)}
          data={[{ value: '', label: 'Action' }, ...known(filters.action).map((one) => ({ value: one, label: one }))]}
        />
      )}
      <NativeSelect
        aria-label="Since"
        value={since}
        onChange={(event) => set('since', event.currentTarget.value)}
        data={[{ value: '', label: 'Any time' }, ...SINCE]}
      />
      {rest.length > 0 && (
        <div className="chips">
          {rest.map((name) => (
            <span key={name} className="audit-chip">
              <span className="dim">{name}</span> {name === 'since' || name === 'until' ? time(filters[name]) : filters[name]}
              <CloseButton size="xs" aria-label={`Take away the filter ${name}`} onClick={() => set(name, '')} />
            </span>
          ))}
        </div>
      )}
    </div>
  );
}

function known(action: string | undefined): string[] {
  return action === undefined || ACTIONS.some((one) => one === action) ? [...ACTIONS] : [action, ...ACTIONS];
}

function Search({ filters, change }: Props) {
  const [text, setText] = useState('');
  const [, navigate] = useLocation();
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    const typed = parseTyped(text);
    if (typed.kind === 'id') navigate(`/audit/${typed.id}`);
    else change({ ...filters, ...typed.filters });
  };
  return (
    <form onSubmit={submit} className="grow filters-search">
      <TextInput
        id={SEARCH_FIELD}
        aria-label="Search records"
        placeholder="upstream/github, maria, field=value, or an id"
        leftSection={<Icon name="search" size={14} />}
        rightSection={<kbd>/</kbd>}
        value={text}
        spellCheck={false}
        autoCapitalize="none"
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
    </form>
  );
}

function time(text = ''): string {
  return Number.isNaN(Date.parse(text)) ? `${text} ago` : moment(text);
}
