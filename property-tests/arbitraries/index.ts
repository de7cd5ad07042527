/** What is drawn, for laws of your own. */
export * from './columns.ts';
export * from './experts.ts';
export * from './layouts.ts';
export * from './matrices.ts';
export * from './recorded-experts.ts';
export * from './shapes.ts';
export * from './values.ts';
