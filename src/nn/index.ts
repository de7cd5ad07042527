export * from './attention.ts';
export * from './encoder.ts';
export * from './feed-forward.ts';
export * from './linear.ts';
