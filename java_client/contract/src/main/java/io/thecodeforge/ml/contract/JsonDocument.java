package io.thecodeforge.ml.contract;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.Reader;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads JSON into maps, lists, strings, numbers, booleans and nulls.
 *
 * <p>Gson's own tree keeps the last of two equal keys; in a contract a repeated key is a mistake
 * that must be said.
 */
final class JsonDocument {

  private static final Pattern PLACE = Pattern.compile("at line (\\d+) column (\\d+)");
  private static final String TOO_DEEP = "Nesting limit";

  private JsonDocument() {}

  /**
   * Reads one whole document; numbers are {@link Long} (or {@link BigInteger} where that is too
   * small) when they are written without a fraction or exponent, else {@link Double}.
   */
  static Object read(Reader source) throws MalformedContractException {
    try (JsonReader reader = new JsonReader(source)) {
      reader.setStrictness(Strictness.STRICT);
      Object document = value(reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new MalformedContractException("it is not JSON: there is text behind its end");
      }
      return document;
    } catch (MalformedJsonException | EOFException e) {
      throw notJson(e);
    } catch (IOException e) {
      throw new MalformedContractException("cannot be read: " + e.getMessage(), e);
    }
  }

  private static MalformedContractException notJson(IOException e) {
    String message = String.valueOf(e.getMessage());
    if (message.startsWith(TOO_DEEP)) {
      return new MalformedContractException("it is nested too deep", e);
    }
    Matcher place = PLACE.matcher(message);
    return place.find()
        ? new MalformedContractException(
            ":%s:%s".formatted(place.group(1), place.group(2)), "it is not JSON", e)
        : new MalformedContractException("it is not JSON", e);
  }

  private static Object value(JsonReader reader) throws IOException, MalformedContractException {
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> object(reader);
      case BEGIN_ARRAY -> array(reader);
      case STRING -> reader.nextString();
      case BOOLEAN -> reader.nextBoolean();
      case NUMBER -> number(reader.nextString());
      case NULL -> {
        reader.nextNull();
        yield null;
      }
      default -> throw new IllegalStateException(reader.peek() + " at " + reader.getPath());
    };
  }

  private static Map<String, Object> object(JsonReader reader)
      throws IOException, MalformedContractException {
    Map<String, Object> object = new LinkedHashMap<>();
    reader.beginObject();
    while (reader.hasNext()) {
      String key = reader.nextName();
      if (object.containsKey(key)) {
        throw new MalformedContractException(
            "the key %s appears twice in one object".formatted(JsonText.of(key)));
      }
      object.put(key, value(reader));
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
    if (!text.matches("-?[0-9]+")) {
      return Double.valueOf(text);
    }
    BigInteger whole = new BigInteger(text);
    // Not a conditional expression: that would promote both to one type.
    if (whole.bitLength() < Long.SIZE) {
      return whole.longValue();
    }
    return whole;
  }
}
