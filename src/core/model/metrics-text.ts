/** Prometheus' text format. Source: prometheus.io/docs/instrumenting/exposition_formats, 0.0.4. */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A histogram as counters keep it: one count per bound, the last one for everything above. */
export interface HistogramSample {
  readonly labels?: Labels;
  /** Not cumulative; one more than there are bounds. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** Collects families and prints them. */
export class MetricsText {
  #text = "";

  counter(name: string, help: string, samples: readonly Sample[]): void {
    this.#family(name, help, "counter", samples);
  }

  gauge(name: string, help: string, samples: readonly Sample[]): void {
    this.#family(name, help, "gauge", samples);
  }

  /** @param bounds upper bounds in the metric's unit, ascending, without infinity. */
  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    samples: readonly HistogramSample[],
  ): void {
    this.#head(name, help, "histogram");
    for (const { labels = {}, counts, sum } of samples) {
      let total = 0;
      for (let i = 0; i <= bounds.length; i++) {
        total += counts[i] ?? 0;
        const le = i === bounds.length ? "+Inf" : String(bounds[i]);
        this.#line(`${name}_bucket`, { ...labels, le }, total);
      }
      this.#line(`${name}_sum`, labels, sum);
      this.#line(`${name}_count`, labels, total);
    }
  }

  toString(): string {
    return this.#text;
  }

  #family(name: string, help: string, type: string, samples: readonly Sample[]): void {
    this.#head(name, help, type);
    for (const { labels = {}, value } of samples) this.#line(name, labels, value);
  }

  #head(name: string, help: string, type: string): void {
    this.#text += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    this.#text += `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`;
  }
}

function escaped(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n").replace(/"/g, '\\"');
}
