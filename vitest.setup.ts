import fc from 'fast-check';

// The same draws on every run, so that a failure is a failure everywhere; OMOE_SEED draws others.
fc.configureGlobal({ seed: Number(process.env.OMOE_SEED ?? 2310) });
