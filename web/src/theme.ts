/** Colours, sizes and how Mantine's components look here. Colours are AA on their grounds in both schemes. */

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

const gate: MantineColorsTuple = [
  '#e8f6f2', '#cdebe3', '#9fd8ca', '#6dc3b0', '#45b09a', '#23967f', '#0f7d6a', '#0b6e5d', '#085a4c', '#05443a',
]; // prettier-ignore
const slate: MantineColorsTuple = [
  '#e6e8ea', '#c3c8cd', '#a3abb3', '#79828b', '#3a4149', '#2b3138', '#22272d', '#191d21', '#131619', '#0d0f11',
]; // prettier-ignore

const CLOSE = { 'aria-label': 'Close' };
/** The head of a dialog isn’t that of the page. */
const INNER = { role: 'presentation' };

export const theme = createTheme({
  colors: { gate, dark: slate },
  primaryColor: 'gate',
  primaryShade: { light: 7, dark: 6 },
  autoContrast: true,
  luminanceThreshold: 0.179, // black and white have the same contrast, 4.6, with what is as bright
  defaultRadius: 5,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '19px' },
  headings: { fontWeight: '600', sizes: { h1: { fontSize: '19px' }, h2: { fontSize: '14px' }, h3: { fontSize: '13px' } } },
  components: {
    Button: { defaultProps: { size: 'xs' } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray' } },
    Drawer: { defaultProps: { closeButtonProps: CLOSE } },
    DrawerHeader: { defaultProps: INNER },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.4 }, closeButtonProps: CLOSE } },
    ModalHeader: { defaultProps: INNER },
    NativeSelect: { defaultProps: { size: 'xs' } },
    Notification: { defaultProps: { closeButtonProps: CLOSE } },
    PasswordInput: { defaultProps: { size: 'sm' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs' } },
    Switch: { defaultProps: { size: 'xs' } },
    Tabs: { defaultProps: { keepMounted: false } },
    TextInput: { defaultProps: { size: 'xs' } },
    Textarea: { defaultProps: { size: 'xs' } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: false } },
  },
});

/** What app.css and the figures are coloured with. */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#ffffff',
    '--mantine-color-text': '#1b1e21',
    '--mantine-color-dimmed': '#5b636b',
    '--mantine-color-placeholder': '#69727a',
    '--mantine-color-error': '#b3261e',
    '--ground': '#f6f7f7',
    '--surface': '#ffffff',
    '--raised': '#f1f3f3',
    '--line': '#e1e4e6',
    '--line-strong': '#c9ced2',
    '--accent': '#0b6e5d',
    '--accent-soft': '#e3f2ee',
    '--good': '#17734a',
    '--note': '#2a62a8',
    '--warn': '#935005',
    '--bad': '#b3261e',
    '--good-soft': '#e3f3ea',
    '--note-soft': '#e5eef9',
    '--warn-soft': '#fbefdc',
    '--bad-soft': '#fbe9e7',
    '--plot-good': '#62b08f',
    '--plot-note': '#6f9bd1',
    '--plot-warn': '#dd9a3c',
    '--plot-bad': '#cf4a3f',
    '--plot-grid': '#e9ecee',
  },
  dark: {
    '--mantine-color-body': '#191d21',
    '--mantine-color-text': '#e3e6e8',
    '--mantine-color-dimmed': '#9aa3ab',
    '--mantine-color-placeholder': '#8d969e',
    '--mantine-color-error': '#f2857b',
    '--ground': '#121518',
    '--surface': '#191d21',
    '--raised': '#20252a',
    '--line': '#2a3037',
    '--line-strong': '#414952',
    '--accent': '#5cc4ae',
    '--accent-soft': '#16332e',
    '--good': '#63c394',
    '--note': '#7eb0ee',
    '--warn': '#e3a24c',
    '--bad': '#f2857b',
    '--good-soft': '#16302a',
    '--note-soft': '#182a40',
    '--warn-soft': '#37291a',
    '--bad-soft': '#3d201e',
    '--plot-good': '#3f9c77',
    '--plot-note': '#4f82c0',
    '--plot-warn': '#c98a34',
    '--plot-bad': '#d9574c',
    '--plot-grid': '#252b31',
  },
});
