/** What surrounds every page: navigation, the state of the gateway, who is logged in. */

import { ActionIcon, Drawer, Tooltip } from '@mantine/core';
import { Suspense, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useStatus } from '@/api/queries';
import { useLogOut, type Session } from '@/api/session';
import { Icon } from '@/parts/Icon';
import { Failed, Loading, NothingHere } from '@/parts/States';
import { Boundary } from './Boundary';
import { leave } from '@/parts/unsaved';
import { KeysHelp } from './KeysHelp';
import { SEARCH_FIELD, useKeyboard } from './keyboard';
import { Leaving } from './Leaving';
import { Mark } from './Mark';
import { PAGES, pageOf, type Page } from './pages';
import { SchemeSwitch } from './SchemeSwitch';

export function Shell({ session }: { session: Session }) {
  const [location, navigate] = useLocation();
  const [isOpen, setOpen] = useState(false);
  const [isHelped, setHelped] = useState(false);
  const page = pageOf(location);

  useEffect(() => {
    document.title = page === undefined ? 'Exeat' : `${page.name} · Exeat`;
  }, [page]);

  useKeyboard((stroke) => {
    if (stroke.kind === 'help') setHelped(true);
    if (stroke.kind === 'go') {
      const wanted = PAGES.find((one) => one.letter === stroke.letter);
      if (wanted !== undefined) navigate(wanted.path);
    }
    if (stroke.kind === 'search') {
      if (!focusSearch()) navigate('/exchanges?find=1');
    }
  });

  return (
    <div className="shell">
      <a className="skip" href="#page">
        Skip to the page
      </a>
      <aside className="side">
        <Brand />
        <Navigation current={page} />
        <Foot session={session} onHelp={() => setHelped(true)} />
      </aside>
      <header className="bar">
        <ActionIcon variant="subtle" color="gray" aria-label="Navigation" onClick={() => setOpen(true)}>
          <Icon name="menu" size={18} />
        </ActionIcon>
        <Brand />
      </header>
      <Drawer opened={isOpen} onClose={() => setOpen(false)} size={264} title={<Brand />} padding="sm">
        <Navigation current={page} onGo={() => setOpen(false)} />
        <Foot session={session} />
      </Drawer>
      <main id="page" className="page" tabIndex={-1}>
        <Boundary key={page?.path ?? location} fallback={(error) => <Failed error={error} />}>
          <Suspense fallback={<Loading rows={6} />}>
            {page === undefined ? <NothingHere path={location} /> : <page.component />}
          </Suspense>
        </Boundary>
      </main>
      <Leaving />
      <KeysHelp opened={isHelped} onClose={() => setHelped(false)} />
    </div>
  );
}

function focusSearch(): boolean {
  const field = document.getElementById(SEARCH_FIELD);
  field?.focus();
  return field !== null;
}

function Brand() {
  return (
    <Link href="/" className="brand">
      <Mark /> Exeat
    </Link>
  );
}

function Navigation({ current, onGo }: { current: Page | undefined; onGo?: () => void }) {
  return (
    <nav aria-label="Pages" className="nav">
      {(['see', 'set', 'keep'] as const).map((group) => (
        <ul key={group}>
          {PAGES.filter((page) => page.group === group).map((page) => (
            <li key={page.path}>
              <Link href={page.path} onClick={onGo} className="nav-link" aria-current={page === current ? 'page' : undefined}>
                <Icon name={page.icon} />
                <span>{page.name}</span>
                <kbd aria-hidden="true">g {page.letter}</kbd>
              </Link>
            </li>
          ))}
        </ul>
      ))}
    </nav>
  );
}

function Foot({ session, onHelp }: { session: Session; onHelp?: () => void }) {
  const logOut = useLogOut();
  return (
    <div className="foot">
      <Gateway />
      <div className="foot-row">
        <span className="grow cut" title={`${session.administrator}, ${session.role}`}>
          {session.administrator}
          <span className="dim block small">{session.role}</span>
        </span>
        <SchemeSwitch />
        {onHelp !== undefined && (
          <Tooltip label="Keys (?)">
            <ActionIcon aria-label="Keys of the keyboard" onClick={onHelp}>
              <Icon name="keyboard" />
            </ActionIcon>
          </Tooltip>
        )}
        <Tooltip label="Log out">
          <ActionIcon aria-label="Log out" loading={logOut.isPending} onClick={() => leave(() => logOut.mutate())}>
            <Icon name="leave" />
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  );
}

/** In one line: whether the gateway takes calls. */
function Gateway() {
  const { data, isError } = useStatus();
  const [tone, word] = describe(data, isError);
  return (
    <div className="gateway small">
      <span className="dot" data-tone={tone} />
      <span className="grow cut">{word}</span>
      {data !== undefined && <span className="dim">v{data.version}</span>}
    </div>
  );
}

type StatusShown = ReturnType<typeof useStatus>['data'];

function describe(status: StatusShown, isError: boolean): ['good' | 'warn' | 'bad', string] {
  if (isError) return ['bad', 'No answer'];
  if (status === undefined) return ['good', '…'];
  if (status.leaving === true) return ['warn', 'Draining'];
  if (status.workers === null) return ['warn', 'No gateway runs'];
  if (!status.workers.some((worker) => worker.ready)) return ['bad', 'Takes no calls'];
  if (status.problems.length > 0 || status.records_stay !== null) return ['warn', 'Needs a look'];
  return ['good', 'Takes calls'];
}
