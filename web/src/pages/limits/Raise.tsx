/** Raises a budget until a time, after which it is what it was. */

import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api, ask, tagOf } from '@/api/client';
import { useChange } from '@/parts/change';
import { money, moment } from '@/parts/format';
import { Sure } from '@/parts/Sure';
import { allowanceOf, ownerOf } from '../overview/limit';
import { faultOfAmount, firstRaise, type Limit } from './limit';

const LENGTHS = [
  { value: '3600', label: 'for 1 h' },
  { value: '28800', label: 'for 8 h' },
  { value: '86400', label: 'for 24 h' },
  { value: '604800', label: 'for 7 d' },
];

export function Raise({ limit, revision, onClose }: { limit: Limit; revision: number | null; onClose: () => void }) {
  const [amount, setAmount] = useState(firstRaise(limit));
  const [length, setLength] = useState(limit.resets_at === null ? '86400' : 'window');
  const fault = faultOfAmount(amount, limit);
  const raise = useChange({
    change: ({ why, isBack }: { why: string; isBack: boolean }) => {
      const until = length === 'window' ? (limit.resets_at ?? '') : new Date(Date.now() + Number(length) * 1000).toISOString();
      const body = isBack ? { id: limit.id, budget: null } : { id: limit.id, budget: `${amount.trim()} ${limit.currency ?? ''}`, until };
      const header = revision === null ? {} : { 'if-match': tagOf(revision) };
      return ask(api.POST('/api/v1/limits/increase', { params: { header, query: why === '' ? {} : { why } }, body }));
    },
    said: (_, { isBack }) => (isBack ? 'The budget is what it was.' : `The budget is ${money(amount.trim(), limit.currency)} for now.`),
    refreshes: ['limits', 'consumers', 'upstreams'],
    onDone: onClose,
  });
  return (
    <Sure
      title={limit.increase === null ? 'Raise a budget for a time' : 'A raised budget'}
      act={limit.increase === null ? 'Raise' : 'Change'}
      isPending={raise.isPending}
      isBlocked={fault !== null}
      error={raise.error}
      onClose={onClose}
      onSure={(why) => raise.mutate({ why, isBack: false })}
    >
      <p>
        {capital(ownerOf(limit))}: <b>{allowanceOf(limit)}</b>
        {limit.increase !== null && <>, raised until {moment(limit.increase.until)}</>}. What was spent counts on.
      </p>
      {limit.increase !== null && (
        <div>
          <Button variant="default" loading={raise.isPending} onClick={() => raise.mutate({ why: '', isBack: true })}>
            Take it back now
          </Button>
        </div>
      )}
      <div className="fields">
        <TextInput
          label={`New amount in ${limit.currency ?? ''}`}
          inputMode="decimal"
          data-autofocus
          value={amount}
          error={fault}
          onChange={(event) => setAmount(event.currentTarget.value)}
        />
        <NativeSelect
          label="How long"
          value={length}
          onChange={(event) => setLength(event.currentTarget.value)}
          data={[
            ...(limit.resets_at === null ? [] : [{ value: 'window', label: `until it is whole again, ${moment(limit.resets_at)}` }]),
            ...LENGTHS,
          ]}
        />
      </div>
    </Sure>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
