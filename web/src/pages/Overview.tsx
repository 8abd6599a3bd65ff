/** Overview: how the gateway does now, and has done in a range of time. */

import { useState } from 'react';
import { useStatus, useUsage } from '@/api/queries';
import { useLive, type Tick } from '@/api/live';
import { RangePicker, useRange } from '@/parts/RangePicker';
import { PageHead } from '@/parts/Page';
import { Failed, Loading } from '@/parts/States';
import { Causes } from './overview/Causes';
import { Consumers } from './overview/Consumers';
import { Events } from './overview/Events';
import { NothingCalled } from './overview/FirstSteps';
import { Latency } from './overview/Latency';
import { Limits } from './overview/Limits';
import { Notices } from './overview/Notices';
import { Now } from './overview/Now';
import { Spend } from './overview/Spend';
import { Traffic } from './overview/Traffic';
import { Upstreams } from './overview/Upstreams';

export default function Overview() {
  const [range] = useRange();
  const [tick, setTick] = useState<Tick | null>(null);
  // Ticks alone: no record has this id.
  const live = useLive({ search: 'where=id%3Dnone', onTick: setTick });
  const whole = useUsage({ since: range.value });
  const status = useStatus();
  const total = whole.data?.items[0];

  return (
    <>
      <PageHead title="Overview">
        <RangePicker />
      </PageHead>
      <div className="stack">
        <Notices status={status.data} />
        <Now tick={tick} live={live} range={range} total={total} isLoading={whole.isPending} />
        {whole.isError && whole.data === undefined ? (
          <Failed error={whole.error} retry={() => void whole.refetch()} />
        ) : whole.isPending ? (
          <Loading rows={8} />
        ) : total === undefined || total.requests === 0 ? (
          <NothingCalled range={range} />
        ) : (
          <div className="panels">
            <Traffic range={range} />
            <Latency range={range} />
            <Causes range={range} />
            <Upstreams range={range} resting={status.data?.resting ?? []} />
            <Consumers range={range} />
          </div>
        )}
        <div className="panels">
          <Spend />
          <Limits />
          <Events />
        </div>
      </div>
    </>
  );
}

