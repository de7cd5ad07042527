export * from './dispatch.ts';
export * from './experts.ts';
export * from './gate.ts';
export * from './losses.ts';
export * from './measures/index.ts';
export * from './moe.ts';
export * from './statistics.ts';
export * from './upcycle.ts';
