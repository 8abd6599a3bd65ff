/** Tokens of the admin API: one's own, or everybody's for an administrator. */

import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMay, useSession } from '@/api/session';
import { useChange } from '@/parts/change';
import { Icon } from '@/parts/Icon';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Sure } from '@/parts/Sure';
import { Table, type Column } from '@/parts/Table';
import { Ago, Badge, type Tone } from '@/parts/Values';
import { MakeToken, ShowToken } from './TokenDialogs';
import { revokeToken, useTokens, type NewToken, type Token } from './people';

const TONES: Record<Token['state'], Tone> = { active: 'good', expired: 'quiet', revoked: 'quiet' };

export function Tokens() {
  const tokens = useTokens();
  const session = useSession();
  const seesAll = useMay('administrator');
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<NewToken | null>(null);
  const [revoked, setRevoked] = useState<Token | null>(null);
  return (
    <Panel
      flush
      title={seesAll ? 'Tokens of the admin API' : 'Your tokens of the admin API'}
      side={
        <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setMaking(true)}>
          Make a token
        </Button>
      }
    >
      <Query of={tokens} rows={4}>
        {(items) =>
          items.length === 0 ? (
            <Empty title="There is no token yet">Programs and commands show a token to the admin API; people may log in with one.</Empty>
          ) : (
            <Table label="Tokens" columns={columnsOf(seesAll, setRevoked)} rows={sorted(items)} idOf={({ id }) => id} />
          )
        }
      </Query>
      {isMaking && session.data != null && (
        <MakeToken
          session={session.data}
          onClose={() => setMaking(false)}
          onMade={(token) => {
            setMaking(false);
            setMade(token);
          }}
        />
      )}
      {made !== null && <ShowToken of={made} onClose={() => setMade(null)} />}
      {revoked !== null && <Revoke of={revoked} onClose={() => setRevoked(null)} />}
    </Panel>
  );
}

/** Those that work first, and of these the newest. */
function sorted(tokens: Token[]): Token[] {
  const rank = ({ state }: Token): number => (state === 'active' ? 0 : 1);
  return tokens.toSorted((one, other) => rank(one) - rank(other) || other.created_at.localeCompare(one.created_at));
}

function columnsOf(seesAll: boolean, revoke: (token: Token) => void): Column<Token>[] {
  return [
    { name: 'Label', grow: true, cell: ({ label }) => (label === '' ? <span className="dim">no label</span> : <b className="strong">{label}</b>) },
    { name: 'Id', only: 'wide', cell: ({ id }) => <code>{id}</code> },
    ...(seesAll ? [{ name: 'Of', cell: ({ administrator }: Token) => administrator }] : []),
    { name: 'Role', only: 'medium', cell: ({ role }) => role },
    { name: 'State', cell: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge> },
    { name: 'Last used', only: 'medium', cell: ({ last_used_at }) => <Ago at={last_used_at} /> },
    { name: 'Ends', only: 'medium', cell: ({ expires_at }) => <Ago at={expires_at} /> },
    {
      name: '',
      align: 'right',
      cell: (token) =>
        token.state === 'active' && (
          <Button variant="default" size="compact-xs" aria-label={`Revoke ${token.label || token.id}`} onClick={() => revoke(token)}>
            Revoke
          </Button>
        ),
    },
  ];
}

function Revoke({ of, onClose }: { of: Token; onClose: () => void }) {
  const session = useSession();
  const revoke = useChange({
    change: (why: string) => revokeToken(of.id, why),
    said: () => `The token ${of.label || of.id} is revoked.`,
    refreshes: ['tokens', 'revisions', 'records', 'session'],
    onDone: onClose,
  });
  return (
    <Sure
      title={`Revoke ${of.label || of.id}?`}
      act="Revoke"
      isDangerous
      isPending={revoke.isPending}
      error={revoke.error}
      onClose={onClose}
      onSure={(why) => revoke.mutate(why)}
    >
      <p>
        Whatever uses it is refused from then on, for good. It may have begun sessions:{' '}
        {session.data?.administrator === of.administrator
          ? 'yours end as well, and you will have to log in again.'
          : `those of ${of.administrator} end as well.`}
      </p>
    </Sure>
  );
}
