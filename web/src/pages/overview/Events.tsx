/** What operators were told of, newest first. */

import { useQuery } from '@tanstack/react-query';
import { api, ask, type Schemas } from '@/api/client';
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
                    {event.type} <span className="dim">{describe(event)}</span>
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
