/** What `exeat doctor` finds: what would stop this gateway from working, and how to mend it. */

import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api, ask, type Schemas } from '@/api/client';
import { Icon, type IconName } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Failed, Loading } from '@/parts/States';
import { Ago, type Tone } from '@/parts/Values';

type Finding = Schemas['FindingShown'];

const STATES: Record<Finding['state'], [rank: number, tone: Tone, icon: IconName, word: string]> = {
  wrong: [0, 'bad', 'close', 'wrong'],
  odd: [1, 'warn', 'warn', 'odd'],
  fine: [2, 'good', 'done', 'fine'],
};

export function Doctor() {
  const found = useQuery({
    queryKey: ['doctor'],
    queryFn: () => ask(api.GET('/api/v1/doctor')),
    staleTime: 60_000,
    refetchOnWindowFocus: false,
    retry: false,
  });
  return (
    <Panel
      flush
      title="What would stop this gateway from working"
      side={
        <>
          {found.data !== undefined && (
            <span className="dim">
              looked <Ago at={new Date(found.dataUpdatedAt).toISOString()} />
            </span>
          )}
          <Button variant="default" leftSection={<Icon name="refresh" size={14} />} loading={found.isFetching} onClick={() => void found.refetch()}>
            Look again
          </Button>
        </>
      }
    >
      {found.data !== undefined ? (
        <Findings of={found.data.items} />
      ) : found.isError ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : (
        <Loading rows={8} />
      )}
    </Panel>
  );
}

function Findings({ of }: { of: Finding[] }) {
  const sorted = of.toSorted((one, other) => STATES[one.state][0] - STATES[other.state][0]);
  return (
    <>
      <p className="panel-line">{sumUp(of)}</p>
      {sorted.map(({ name, state, sentence }) => {
        const [, tone, icon, word] = STATES[state];
        return (
          <div key={name + sentence} className="finding" data-tone={tone}>
            <Icon name={icon} size={14} />
            <b className="strong">
              {name}
              <span className="unseen"> is {word}</span>
            </b>
            <p>{capital(sentence)}</p>
          </div>
        );
      })}
    </>
  );
}

export function sumUp(found: readonly Pick<Finding, 'state'>[]): string {
  const wrong = found.filter(({ state }) => state === 'wrong').length;
  const odd = found.filter(({ state }) => state === 'odd').length;
  if (wrong === 0 && odd === 0) return 'Everything is fine.';
  const parts = [wrong > 0 ? `${wrong} wrong` : '', odd > 0 ? `${odd} odd` : ''].filter(Boolean);
  return `Of ${found.length} things that were looked at: ${parts.join(', ')}.`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
