/** Settings: who may log in, their tokens, how this gateway was started, what the doctor finds, and one's own account. */

import { Tabs } from '@mantine/core';
import { useMay } from '@/api/session';
import { useParameter } from '@/parts/address';
import { PageHead } from '@/parts/Page';
import { Administrators } from './settings/Administrators';
import { Doctor } from './settings/Doctor';
import { Gateway } from './settings/Gateway';
import { Tokens } from './settings/Tokens';
import { You } from './settings/You';
import './set.css';
import './keep.css';

export default function Settings() {
  const isAdministrator = useMay('administrator');
  const [tab, setTab] = useParameter('tab', 'people');
  return (
    <>
      <PageHead title="Settings" />
      <Tabs value={tab} onChange={(value) => setTab(value ?? 'people')} keepMounted={false}>
        <Tabs.List mb={16} className="tabs-in-a-row">
          <Tabs.Tab value="people">Administrators</Tabs.Tab>
          <Tabs.Tab value="tokens">{isAdministrator ? 'Tokens' : 'Your tokens'}</Tabs.Tab>
          <Tabs.Tab value="gateway">Gateway</Tabs.Tab>
          <Tabs.Tab value="doctor">Doctor</Tabs.Tab>
          <Tabs.Tab value="you">You</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="people">
          <Administrators />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">
          <Tokens />
        </Tabs.Panel>
        <Tabs.Panel value="gateway">
          <Gateway />
        </Tabs.Panel>
        <Tabs.Panel value="doctor">
          <Doctor />
        </Tabs.Panel>
        <Tabs.Panel value="you">
          <You />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
