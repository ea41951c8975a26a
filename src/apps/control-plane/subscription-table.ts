import type { ServiceKey } from "../../core/model/names.ts";

/** Most agents watch a handful of services: up to here a list is searched, which costs less than a Map holds. */
const MAX_LISTED = 16;

/** What a subscription shows of itself here. */
interface Keyed {
  readonly view: { readonly key: ServiceKey };
}

/** A stream's subscriptions by service. An idle watcher with ten of them saves 400 bytes over a Map. */
export class SubscriptionTable<Member extends Keyed> {
  #list: Member[] = [];
  #byKey: Map<ServiceKey, Member> | undefined;

  get size(): number {
    return this.#byKey?.size ?? this.#list.length;
  }

  get(key: ServiceKey): Member | undefined {
    if (this.#byKey !== undefined) return this.#byKey.get(key);
    return this.#list.find(({ view }) => view.key === key);
  }

  has(key: ServiceKey): boolean {
    return this.get(key) !== undefined;
  }

  /** @param subscription to a service that has none here. */
  add(subscription: Member): void {
    if (this.#byKey === undefined && this.#list.length === MAX_LISTED) {
      this.#byKey = new Map(this.#list.map((each) => [each.view.key, each]));
      this.#list = [];
    }
    if (this.#byKey === undefined) this.#list.push(subscription);
    else this.#byKey.set(subscription.view.key, subscription);
  }

  delete(subscription: Member): void {
    if (this.#byKey === undefined) this.#list = this.#list.filter((each) => each !== subscription);
    else this.#byKey.delete(subscription.view.key);
  }

  values(): Iterable<Member> {
    return this.#byKey?.values() ?? this.#list;
  }

  keys(): ServiceKey[] {
    return Array.from(this.values(), ({ view }) => view.key);
  }
}
