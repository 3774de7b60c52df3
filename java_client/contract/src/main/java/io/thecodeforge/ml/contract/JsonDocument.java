package io.thecodeforge.ml.contract;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON into maps, lists, strings, numbers and booleans.
 *
 * <p>Gson's own tree keeps the last of two equal keys; in a contract a repeated key is a mistake
 * that must be said.
 */
final class JsonDocument {

  private JsonDocument() {}

  /**
   * Reads one whole document; numbers are {@link Long} when they are whole, else {@link Double}.
   */
  static Object read(Reader source) throws MalformedContractException {
    try (JsonReader reader = new JsonReader(source)) {
      reader.setStrictness(Strictness.STRICT);
      Object document = value(reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new MalformedContractException("there is text after the end of the JSON document");
      }
      return document;
    } catch (MalformedJsonException | EOFException | NumberFormatException e) {
      throw new MalformedContractException("not JSON: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new MalformedContractException("cannot be read: " + e.getMessage(), e);
    }
  }

  private static Object value(JsonReader reader) throws IOException, MalformedContractException {
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> object(reader);
      case BEGIN_ARRAY -> array(reader);
      case STRING -> reader.nextString();
      case BOOLEAN -> reader.nextBoolean();
      case NUMBER -> number(reader.nextString());
      default ->
          throw new MalformedContractException(
              "%s at %s has no place in a contract".formatted(reader.peek(), reader.getPath()));
    };
  }

  private static Map<String, Object> object(JsonReader reader)
      throws IOException, MalformedContractException {
    Map<String, Object> object = new LinkedHashMap<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      if (object.put(key, value(reader)) != null) {
        throw new MalformedContractException(
            "the key '%s' appears twice in one object".formatted(key));
      }
    }
    reader.endObject();
    return object;
  }

  private static List<Object> array(JsonReader reader)
      throws IOException, MalformedContractException {
    List<Object> array = new ArrayList<>();
    reader.beginArray();
    while (reader.hasNext()) {
      array.add(value(reader));
    }
    reader.endArray();
    return array;
  }

  private static Number number(String text) {
    // Not a conditional expression: that would promote the Long to a Double.
    if (text.matches("-?[0-9]+")) {
      return Long.valueOf(text);
    }
    return Double.valueOf(text);
  }
}
