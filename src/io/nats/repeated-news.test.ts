import { expect, test } from "vitest";
import { RepeatedNews } from "./repeated-news.ts";

test("each is told once a minute, whatever is told in between", () => {
  const news = new RepeatedNews();
  const told = (nowMs: number): boolean[] => ["a", "b", "c"].map((text) => news.isDue(text, nowMs));
  expect(told(0)).toEqual([true, true, true]);
  expect(told(59_999)).toEqual([false, false, false]);
  expect(told(60_000)).toEqual([true, true, true]);
  news.forget();
  expect(told(60_001)).toEqual([true, true, true]);
});

test("endless news are not kept for ever", () => {
  const news = new RepeatedNews();
  for (let i = 0; i < 64; i++) news.isDue(String(i), 0);
  expect(news.isDue("0", 0)).toBe(false);
  news.isDue("another", 0);
  expect(news.isDue("0", 0)).toBe(true);
});
