/** A server joins, and becomes the home of somebody; nobody dies of it. */
import type { Place, Stage } from "./stage.js";

const JOINING = "chat-2";

/**
 * Alice and Bob are on other servers than the one that is to come, which is then Bob's home.
 *
 * @param fits what has to be so besides, of Alice's place and Bob's
 */
export async function beforeAServerJoins(
  stage: Stage,
  fits: (alice: Place, bob: Place) => boolean = () => true,
) {
  const { world } = stage;
  const elsewhere = ({ server }: Place): boolean => server !== JOINING;
  const alice = await stage.person("alice", elsewhere);
  const hers = stage.place(alice);
  const bob = await stage.person(
    "bob",
    (place) => elsewhere(place) && place.home === JOINING && fits(hers, place),
  );
  await stage.meet(alice, bob);
  await stage.changesView(() => stage.kill(JOINING));
  await world.settle();
  return { alice, bob, joins: () => world.until(() => world.homeOf(bob.name) === JOINING) };
}

/**
 * The old home has prepared the view, and does not hear that it holds. Alice, who is on that server, writes `one` to Bob,
 * who is attached at his new home already.
 *
 * @returns `hears`, with which the old home hears of it, and Alice writes `two`
 */
export async function whileTheOldHomeDoesNotHear(stage: Stage) {
  const { world } = stage;
  const { alice, bob, joins } = await beforeAServerJoins(stage, (hers, his) => his.nextHome === hers.server);
  const old = stage.place(alice).server;
  bob.kill();
  await world.settle();
  await stage.changesView(joins);
  const news = world.system.supervisor.inbox(old);
  news?.hold();
  await stage.connectElsewhere(bob, old);
  await world.settle();
  stage.say(alice, bob, "one");
  await world.settle();
  const hears = (): void => {
    news?.release();
    stage.say(alice, bob, "two");
  };
  return { alice, bob, hears };
}
