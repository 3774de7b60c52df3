package io.thecodeforge.ml;

import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * The objects that were found in one image, the surest first.
 *
 * @param objects what was found; empty when nothing was
 * @param version the version of the model that answered; empty where nobody said
 */
public record Detections(List<Detection> objects, OptionalLong version)
    implements Iterable<Detection> {

  /** Copies the list, so that an answer never changes. */
  public Detections {
    objects = List.copyOf(objects);
    Objects.requireNonNull(version, "version: OptionalLong.empty() where nobody said");
  }

  /**
   * Returns the surest objects only.
   *
   * @param count how many at most, at least 0
   * @throws IllegalArgumentException when {@code count} is below 0
   */
  public Detections top(int count) {
    Classification.requireCount(count);
    return new Detections(objects.subList(0, Math.min(count, objects.size())), version);
  }

  /**
   * Returns the objects that are at least this sure.
   *
   * @param score the least score, in [0, 1]
   * @throws IllegalArgumentException when it is outside
   */
  public Detections minScore(float score) {
    Classification.requireShare(score);
    return new Detections(objects.stream().filter(one -> one.score() >= score).toList(), version);
  }

  /** Returns how many objects were found. */
  public int size() {
    return objects.size();
  }

  /** Tells whether nothing was found. */
  public boolean isEmpty() {
    return objects.isEmpty();
  }

  /** Returns one object, counted from 0, the surest. */
  public Detection get(int position) {
    return objects.get(position);
  }

  /** Returns the objects as a stream, the surest first. */
  public Stream<Detection> stream() {
    return objects.stream();
  }

  @Override
  public Iterator<Detection> iterator() {
    return objects.iterator();
  }
}
