/** Light, dark, or as the system has it. */

import { ActionIcon, Tooltip, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { Icon, type IconName } from '@/parts/Icon';

const NEXT: Record<MantineColorScheme, MantineColorScheme> = { auto: 'light', light: 'dark', dark: 'auto' };
const LOOKS: Record<MantineColorScheme, [IconName, string]> = {
  auto: ['system', 'as the system'],
  light: ['sun', 'light'],
  dark: ['moon', 'dark'],
};

export function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [icon, word] = LOOKS[colorScheme];
  return (
    <Tooltip label={`Colours: ${word}`}>
      <ActionIcon aria-label={`Colours: ${word}; change`} onClick={() => setColorScheme(NEXT[colorScheme])}>
        <Icon name={icon} />
      </ActionIcon>
    </Tooltip>
  );
}
