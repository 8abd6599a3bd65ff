/** What operators were told of, newest first. */

import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { api, ask, type Schemas } from '@/api/client';
import { useLimits } from '@/api/queries';
import { Panel } from '@/parts/Page';
import { Empty, Query } from '@/parts/States';
import { Ago, type Tone } from '@/parts/Values';

const MOST = 8;

export function Events() {
  const events = useQuery({
    queryKey: ['events'],
    queryFn: () => ask(api.GET('/api/v1/events', { params: { query: { limit: 50 } } })),
    refetchInterval: 5_000,
  });
  const limits = useLimits().data?.items ?? [];
  return (
    <Panel className="third" title="Events">
      <Query of={events}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="Nothing out of the ordinary">
              Limits that are reached, circuits that open and endpoints that are tripped are told here.
            </Empty>
          ) : (
            <ul className="events">
              {data.items.slice(0, MOST).map((event) => (
                <li key={event.id}>
                  <span className="dot" data-tone={toneOf(event.type)} />
                  <span className="grow">
                    <Told event={event} href={placeOf(event.data, limits)} />
                  </span>
                  <span className="dim small nowrap">
                    <Ago at={event.timestamp} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Query>
    </Panel>
  );
}

function Told({ event, href }: { event: Schemas['EventTold']; href: string | null }) {
  const words = (
    <>
      {event.type} <span className="dim">{describe(event)}</span>
    </>
  );
  return href === null ? (
    words
  ) : (
    <Link href={href} className="row-link">
      {words}
    </Link>
  );
}

/** Where what an event is about can be seen: its limit, else the upstream or consumer. */
export function placeOf(
  data: Record<string, unknown>,
  limits: readonly Pick<Schemas['LimitShown'], 'id' | 'scope' | 'owner' | 'name'>[],
): string | null {
  const said = (name: string): string => (typeof data[name] === 'string' ? data[name] : '');
  const [scope, owner] = [said('scope'), said('owner')];
  const limit = limits.find((one) => one.scope === scope && one.owner === owner && one.name === said('limit'));
  if (limit !== undefined) return `/limits?limit=${encodeURIComponent(limit.id)}`;
  const upstream = said('upstream') || (scope === 'upstream' ? owner : '');
  if (upstream !== '') return `/upstreams/${upstream}`;
  const [consumer = ''] = scope === 'consumer' || scope === 'grant' ? owner.split(':') : [said('consumer')];
  return consumer === '' ? null : `/consumers/${consumer}`;
}

const WORTH = ['upstream', 'endpoint', 'consumer', 'owner', 'limit', 'scope', 'credential', 'reason'];

/** What an event is about: those of its values that name something. */
function describe({ data }: Schemas['EventTold']): string {
  const named = WORTH.map((name) => data[name]).filter((value) => typeof value === 'string' && value !== '');
  return [...new Set(named)].join(' · ');
}

function toneOf(type: string): Tone {
  if (/\.(closed|reset|restored|well|recovered)$/.test(type)) return 'good';
  return /\.(nearly|drained|recovering)$/.test(type) ? 'warn' : 'bad';
}
