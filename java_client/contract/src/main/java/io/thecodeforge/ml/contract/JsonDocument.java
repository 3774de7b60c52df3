package io.thecodeforge.ml.contract;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads JSON (RFC 8259, nothing beyond it) into maps, lists, strings, numbers, booleans and nulls.
 *
 * <p>Of its own, so that whoever depends on this library keeps the JSON library and version that
 * they have. A repeated key, which others keep the last of, is a mistake in a contract that must be
 * said. Where a text stops being JSON is the place that Python's reader names.
 */
final class JsonDocument {

  private static final int DEEPEST = 255;
  private static final Pattern NUMBER =
      Pattern.compile("-?(?:0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
  private static final Pattern HEXADECIMAL = Pattern.compile("[0-9a-fA-F]{4}");
  private static final String ESCAPES = "\"\\/bfnrt";
  private static final String ESCAPED = "\"\\/\b\f\n\r\t";

  private final String text;
  private int at;
  private int depth;

  private JsonDocument(String text) {
    this.text = text;
  }

  /**
   * Reads one whole document; numbers are {@link Long} (or {@link BigInteger} where that is too
   * small) when they are written without a fraction or exponent, else {@link Double}.
   */
  static Object read(String text) throws MalformedContractException {
    JsonDocument document = new JsonDocument(text);
    document.skipSpace();
    Object value = document.value();
    if (document.at < text.length()) {
      throw document.notJson(document.at, "there is text behind its end");
    }
    return value;
  }

  /** Reads a value and the space behind it. */
  private Object value() throws MalformedContractException {
    Object value =
        switch (next()) {
          case '{' -> object();
          case '[' -> array();
          case '"' -> string();
          case 't' -> word("true", true);
          case 'f' -> word("false", false);
          case 'n' -> word("null", null);
          default -> number();
        };
    skipSpace();
    return value;
  }

  private Map<String, Object> object() throws MalformedContractException {
    Map<String, Object> object = new LinkedHashMap<>();
    enter();
    if (!skip('}')) {
      do {
        readEntry(object);
      } while (skip(','));
      require('}', "a comma or }");
    }
    depth--;
    return object;
  }

  private void readEntry(Map<String, Object> object) throws MalformedContractException {
    skipSpace();
    if (next() != '"') {
      throw notJson(at, "expected a key in double quotes");
    }
    String key = string();
    skipSpace();
    require(':', "a colon");
    skipSpace();
    if (object.containsKey(key)) {
      throw new MalformedContractException(
          "the key %s appears twice in one object".formatted(JsonText.of(key)));
    }
    object.put(key, value());
  }

  private List<Object> array() throws MalformedContractException {
    List<Object> array = new ArrayList<>();
    enter();
    if (!skip(']')) {
      do {
        skipSpace();
        array.add(value());
      } while (skip(','));
      require(']', "a comma or ]");
    }
    depth--;
    return array;
  }

  private String string() throws MalformedContractException {
    int start = at++;
    StringBuilder string = new StringBuilder();
    while (at < text.length() && text.charAt(at) != '"') {
      char one = text.charAt(at);
      if (one < ' ') {
        throw notJson(at, "expected a control character in a text to be escaped");
      }
      at++;
      string.append(one == '\\' ? escaped(start) : one);
    }
    if (at == text.length()) {
      throw notJson(start, "this text has no end");
    }
    at++;
    return string.toString();
  }

  /** Reads what stands behind a backslash. */
  private char escaped(int start) throws MalformedContractException {
    if (at == text.length()) {
      throw notJson(start, "this text has no end");
    }
    int backslash = at - 1;
    char name = text.charAt(at++);
    if (name == 'u') {
      Matcher digits = HEXADECIMAL.matcher(text).region(at, text.length());
      if (!digits.lookingAt()) {
        throw notJson(at - 1, "expected four hexadecimal digits");
      }
      at = digits.end();
      return (char) Integer.parseInt(digits.group(), 16);
    }
    int place = ESCAPES.indexOf(name);
    if (place < 0) {
      throw notJson(backslash, "there is no such escape");
    }
    return ESCAPED.charAt(place);
  }

  private Number number() throws MalformedContractException {
    Matcher number = NUMBER.matcher(text).region(at, text.length());
    if (!number.lookingAt()) {
      throw notJson(at, "expected a value");
    }
    at = number.end();
    if (number.group(1) != null || number.group(2) != null) {
      return Double.valueOf(number.group());
    }
    BigInteger whole = new BigInteger(number.group());
    // Not a conditional expression: that would promote both to one type.
    if (whole.bitLength() < Long.SIZE) {
      return whole.longValue();
    }
    return whole;
  }

  private <T> T word(String word, T meaning) throws MalformedContractException {
    if (!text.startsWith(word, at)) {
      throw notJson(at, "expected a value");
    }
    at += word.length();
    return meaning;
  }

  private void enter() throws MalformedContractException {
    if (++depth > DEEPEST) {
      throw new MalformedContractException("it is nested too deep");
    }
    at++;
    skipSpace();
  }

  /** Returns the character at this place, a NUL (which begins nothing) at the end. */
  private char next() {
    return at < text.length() ? text.charAt(at) : '\0';
  }

  private boolean skip(char one) {
    boolean there = next() == one;
    if (there) {
      at++;
    }
    return there;
  }

  private void require(char one, String name) throws MalformedContractException {
    if (!skip(one)) {
      throw notJson(at, "expected " + name);
    }
  }

  private void skipSpace() {
    while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  /** Returns the error for a place in the text, counted in code points as people count. */
  private MalformedContractException notJson(int place, String reason) {
    String before = text.substring(0, place);
    int lineStart = before.lastIndexOf('\n') + 1;
    long line = 1 + before.chars().filter(one -> one == '\n').count();
    int column = 1 + before.codePointCount(lineStart, before.length());
    return new MalformedContractException(
        ":%d:%d".formatted(line, column), "it is not JSON: " + reason, null);
  }
}
