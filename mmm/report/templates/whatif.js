"use strict";
// Another total, channels kept: the split that the response curves ask for, and how sure it is.
(() => {
  const data = JSON.parse(document.getElementById("whatif-data").textContent);
  const box = document.getElementById("whatif");
  const slider = document.getElementById("whatif-total");
  const locks = [...box.querySelectorAll("input[type=checkbox]")];
  const rows = [...box.querySelectorAll("tbody tr")];
  const said = document.getElementById("whatif-said");
  const amount = document.getElementById("whatif-amount");
  const n = data.today.length;
  const sum = list => list.reduce((a, b) => a + b, 0);
  const today = sum(data.today);
  const UNITS = 600;

  // Draws come as 16-bit numbers, a channel's scale apart.
  const bytes = Uint8Array.from(atob(data.draws), c => c.charCodeAt(0));
  const draws = new Int16Array(bytes.buffer);
  const nDraws = draws.length / (n * data.n_knots);

  // Cubic through the four nearest of evenly spaced points; returns [first point, four weights].
  const around = (c, x, points) => {
    const room = data.high[c] - data.low[c];
    if (room <= 0 || points < 4) return [0, [1, 0, 0, 0]];
    const t = Math.min(Math.max((x - data.low[c]) / room, 0), 1) * (points - 1);
    const i = Math.min(Math.max(Math.floor(t) - 1, 0), points - 4);
    const u = t - i;
    return [i, [
      -(u - 1) * (u - 2) * (u - 3) / 6, u * (u - 2) * (u - 3) / 2,
      -u * (u - 1) * (u - 3) / 2, u * (u - 1) * (u - 2) / 6,
    ]];
  };
  const at = (curve, c, x) => {
    const [i, w] = around(c, x, curve.length);
    return w.reduce((total, weight, k) => total + (weight ? weight * curve[i + k] : 0), 0);
  };
  const value = (c, x) => data.margin * at(data.response[c], c, x);

  // Every split of equal units, channel after channel; then pairs of channels trade ever less.
  const split = (total, low, high) => {
    const room = Math.max(total - sum(low), 0);
    const unit = room / UNITS;
    let best = new Float64Array(UNITS + 1).fill(-Infinity);
    best[0] = 0;
    const picks = [];
    for (let c = 0; c < n; c++) {
      const most = unit > 0 ? Math.min(UNITS, Math.ceil((high[c] - low[c]) / unit - 1e-9)) : 0;
      const gain = Array.from({ length: most + 1 }, (_, k) => value(c, Math.min(low[c] + unit * k, high[c])));
      const next = new Float64Array(UNITS + 1).fill(-Infinity);
      const pick = new Uint16Array(UNITS + 1);
      for (let all = 0; all <= UNITS; all++) {
        for (let k = Math.min(all, most); k >= 0; k--) {
          const reached = best[all - k] + gain[k];
          if (reached > next[all]) { next[all] = reached; pick[all] = k; }
        }
      }
      best = next;
      picks.push(pick);
    }
    let left = unit > 0 ? UNITS : 0;
    const spend = new Array(n);
    for (let c = n - 1; c >= 0; c--) {
      const k = picks[c][left];
      spend[c] = Math.min(low[c] + unit * k, high[c]);
      left -= k;
    }
    let rest = total - sum(spend);
    for (let c = 0; c < n && rest > 0; c++) {
      const more = Math.min(rest, high[c] - spend[c]);
      spend[c] += more;
      rest -= more;
    }
    for (let step = unit; step > unit / 200; step /= 2) trade(spend, low, high, step);
    return spend;
  };
  const trade = (spend, low, high, step) => {
    for (let round = 0; round < 400; round++) {
      let found = null;
      for (let to = 0; to < n; to++) {
        if (spend[to] + step > high[to]) continue;
        const more = value(to, spend[to] + step) - value(to, spend[to]);
        for (let from = 0; from < n; from++) {
          if (from === to || spend[from] - step < low[from]) continue;
          const gain = more + value(from, spend[from] - step) - value(from, spend[from]);
          if (gain > 1e-9 * Math.abs(more) && (!found || gain > found[0])) found = [gain, to, from];
        }
      }
      if (!found) return;
      spend[found[1]] += step;
      spend[found[2]] -= step;
    }
  };

  // Of the normal distribution, by Abramowitz and Stegun 26.2.17.
  const below = z => {
    const t = 1 / (1 + .2316419 * Math.abs(z));
    const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * t *
      (.319381530 + t * (-.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    return z > 0 ? 1 - tail : tail;
  };
  const judge = spend => {
    const moved = spend.map((x, c) => x - data.today[c]);
    const profits = new Float64Array(nDraws).fill(-sum(moved));
    for (let c = 0; c < n; c++) {
      const [i, w] = around(c, spend[c], data.n_knots);
      for (let d = 0; d < nDraws; d++) {
        const from = (d * n + c) * data.n_knots + i;
        let outcome = 0;
        for (let k = 0; k < 4; k++) if (w[k]) outcome += w[k] * draws[from + k];
        profits[d] += data.margin * data.scale[c] * outcome;
      }
    }
    const spread = Math.sqrt(sum(moved.map((x, c) => (data.tau[c] * x) ** 2)));
    let better = 0, loss = 0;
    for (const profit of profits) {
      if (spread > 0) {
        const z = profit / spread;
        better += below(z);
        loss += spread * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) - profit * below(-z);
      } else {
        better += profit > 0 ? 1 : profit === 0 ? .5 : 0;
        loss += Math.max(-profit, 0);
      }
    }
    const mean = data.margin * sum(spend.map((x, c) => at(data.held[c], c, x))) - sum(moved);
    return { profit: mean, chance: better / nDraws, loss: loss / nDraws };
  };
  const advice = found => {
    if (found.profit <= 0) return "stay";
    if (found.chance < data.half) return "test";
    return found.chance >= data.move && found.loss < data.loss * found.profit ? data.most : "half";
  };

  // Small sums have decimals, as in the table.
  const unit = 10 ** -data.digits;
  const units = x => Math.round(x / unit);
  const digits = x => {
    const [whole, part] = (units(Math.abs(x)) * unit).toFixed(data.digits).split(".");
    const plain = whole.replace(/\B(?=(\d{3})+$)/g, data.group) + (part ? data.point + part : "");
    return data.money.replace("0", () => plain);
  };
  const money = x => (units(x) < 0 ? "-" : "") + digits(x);
  const signed = x => (units(x) > 0 ? "+" : "") + money(x);
  const percent = x => {
    const size = Math.abs(x * 100);
    const text = size >= 9.95 || size < .05 ? String(Math.round(size)) : size.toFixed(1).replace(".", data.point);
    return (x < 0 && Number(size.toFixed(1)) > 0 ? "-" : "") + text + "%";
  };
  // No chance is 0% or 100%: the draws are not all there could be.
  const chanceOf = p => p > .99 ? ">99%" : p < .01 ? "<1%" : percent(p);
  const fill = (text, facts) => text.replace(/%(\w+)%/g, (_, name) => facts[name]);

  let later = 0;
  // A screen reader hears where the slider stopped, not each step on the way.
  const say = text => {
    clearTimeout(later);
    later = setTimeout(() => { said.textContent = text; }, 200);
  };
  const show = (spend, total) => {
    const widest = Math.max(...data.high);
    rows.forEach((row, c) => {
      row.querySelector(".best").textContent = money(spend[c]);
      row.querySelector(".moved").textContent = signed((units(spend[c]) - units(data.today[c])) * unit);
      row.querySelector("rect.bar-now").setAttribute("width", 100 * spend[c] / widest + "%");
    });
    box.querySelector(".best-total").textContent = money(total);
    box.querySelector(".moved-total").textContent = signed(total - today);
  };
  const written = [...box.querySelectorAll(".best, .moved, .best-total, .moved-total")];
  const first = written.map(cell => cell.textContent);
  const recompute = () => {
    const kept = locks.map(lock => lock.checked);
    const low = data.low.map((x, c) => kept[c] ? data.today[c] : x);
    const high = data.high.map((x, c) => kept[c] ? data.today[c] : x);
    // Steps start from the total of the proposal, or from today's where locks leave no room for it.
    const fits = sum(low) <= data.total + 1e-6 && data.total <= sum(high) + 1e-6;
    const origin = fits ? data.total : Math.min(Math.max(data.total, sum(low)), sum(high));
    const least = origin - Math.floor((origin - sum(low)) / data.step + 1e-9) * data.step;
    const most = origin + Math.floor((sum(high) - origin) / data.step + 1e-9) * data.step;
    const wanted = Number(slider.value);
    slider.step = "any";
    slider.min = least;
    slider.max = most;
    const steps = Math.round((Math.min(Math.max(wanted, least), most) - origin) / data.step);
    const total = origin + steps * data.step;
    slider.value = total;
    amount.textContent = fill(data.words.amount, {
      total: money(total), change: (total > today + .5 * unit ? "+" : "") + percent(total / today - 1),
    });
    slider.setAttribute("aria-valuetext", amount.textContent);
    const spend = split(total, low, high);
    const found = judge(spend);
    show(spend, total);
    const asIs = spend.every((x, c) => Math.abs(x - data.today[c]) < .5 * unit);
    const proposal = fits && steps === 0 && !kept.includes(true);
    if (proposal) written.forEach((cell, i) => { cell.textContent = first[i]; });
    Object.assign(box.dataset, {
      spend: JSON.stringify(spend), total, profit: found.profit, chance: found.chance, loss: found.loss,
    });
    if (asIs) { say(data.words.same); return; }
    const { profit, chance, stance } = proposal ? data.proposal : { ...found, stance: advice(found) };
    say(fill(profit >= 0 ? data.words.more : data.words.less, {
      total: money(total), profit: money(Math.abs(profit)), probability: chanceOf(chance),
      advice: data.words[stance],
    }));
  };
  const reset = () => {
    locks.forEach(lock => { lock.checked = false; });
    slider.step = "any";
    slider.min = 0;
    slider.max = 2 * (sum(data.high) + data.total) + 1;
    slider.value = data.total;
    recompute();
  };
  // Arrows move by whole steps, whatever the browser makes of a slider without any.
  slider.addEventListener("keydown", event => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    slider.value = Number(slider.value) + by * data.step;
    recompute();
  });
  slider.addEventListener("input", recompute);
  locks.forEach(lock => lock.addEventListener("change", recompute));
  document.getElementById("whatif-reset").addEventListener("click", reset);
  box.hidden = false;
  reset();
})();
