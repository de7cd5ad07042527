import { engine, key } from 'omoe';
import { cpu } from 'omoe/backends/cpu';
import { moe, topKBalance, upcycle } from 'omoe/moe';
import { initFeedForward } from 'omoe/nn';
import { adamw, applyUpdates, parametersOf } from 'omoe/optim';

const t = engine(cpu());
const layer = upcycle(initFeedForward(t, key(1), 8, 16), { experts: 4, key: key(2) });
const x = t.normal(key(3), [32, 8]);
const [loss, gradients] = t.valueAndGrad((watched: typeof layer) => {
  const { output, gate } = moe(x, watched, { k: 2 });
  return output.subtract(x).square().mean().add(topKBalance(gate).multiply(0.01));
})(layer); // nest for higher derivatives
const [optimizer, parameters] = [adamw(), parametersOf(layer)];
const given = { parameters, gradients: parametersOf(gradients), state: optimizer.initial(parameters) };
const { updates } = optimizer.step({ ...given, learningRate: 1e-3 });
console.log(await loss.item(), applyUpdates(parameters, updates).size);
