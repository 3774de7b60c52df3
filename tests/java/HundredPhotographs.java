import io.thecodeforge.ml.VisionException;
import io.thecodeforge.ml.embedded.VisionService;
import io.thecodeforge.ml.image.ImageDecoder;
import io.thecodeforge.ml.image.ImageInput;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Asks a version about a hundred photographs at once, and then about one: {@code VERSION FOLDER};
 * with {@code MEGABYTES} also when so much memory is taken by something else, and free again.
 */
public final class HundredPhotographs {

  private static int answers(VisionService service, List<byte[]> images) {
    return service.contract().model().equals("detector")
        ? service.detect(images).size()
        : service.classify(images).size();
  }

  public static void main(String[] arguments) throws Exception {
    List<Path> files;
    try (Stream<Path> found = Files.walk(Path.of(arguments[1]))) {
      files = found.filter(Files::isRegularFile).sorted().toList();
    }
    List<byte[]> images = new ArrayList<>();
    while (images.size() < 100) {
      images.add(Files.readAllBytes(files.get(images.size() % files.size())));
    }
    try (VisionService service = VisionService.load(Path.of(arguments[0]))) {
      for (int size : new int[] {100, 1, 100, 1}) {
        System.out.println(size + ": " + said(service, images.subList(0, size)));
      }
      System.out.println("pixels: " + saidOfPixels(service, images.get(0)));
      ByteBuffer ballast = arguments.length > 2 ? ballast(arguments[2]) : null;
      System.out.println("1: " + said(service, images.subList(0, 1)));
      if (ballast != null) {
        free(ballast);
        System.out.println("1: " + said(service, images.subList(0, 1)));
      }
    }
  }

  /** Takes so many MB of the process's memory, every page of them. */
  private static ByteBuffer ballast(String megabytes) {
    ByteBuffer taken = ByteBuffer.allocateDirect(Integer.parseInt(megabytes) * 1_000_000);
    for (int at = 0; at < taken.capacity(); at += 4096) {
      taken.put(at, (byte) 1);
    }
    return taken;
  }

  private static void free(ByteBuffer taken) throws Exception {
    Class<?> unsafe = Class.forName("sun.misc.Unsafe");
    Field field = unsafe.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    unsafe.getMethod("invokeCleaner", ByteBuffer.class).invoke(field.get(null), taken);
  }

  private static String said(VisionService service, List<byte[]> images) throws Exception {
    try {
      return "answered %d, resident MB %d".formatted(answers(service, images), resident());
    } catch (VisionException e) {
      return e.getClass().getSimpleName() + ": " + e.getMessage();
    }
  }

  /** A hundred times the same pixels, which are one tensor of 60 MB and more. */
  private static String saidOfPixels(VisionService service, byte[] image) throws Exception {
    ImageInput.Pixels one = ImageDecoder.decode(image);
    byte[] rgb = new byte[100 * one.rgb().length];
    for (int i = 0; i < 100; i++) {
      System.arraycopy(one.rgb(), 0, rgb, i * one.rgb().length, one.rgb().length);
    }
    try {
      int count =
          service.contract().model().equals("detector")
              ? service.detectPixels(rgb, 100, one.height(), one.width()).size()
              : service.classifyPixels(rgb, 100, one.height(), one.width()).size();
      return "answered %d, resident MB %d".formatted(count, resident());
    } catch (VisionException e) {
      return e.getClass().getSimpleName() + ": " + e.getMessage();
    }
  }

  private static long resident() throws Exception {
    String status = Files.readString(Path.of("/proc/self/status"));
    String line = status.lines().filter(one -> one.startsWith("VmRSS")).findFirst().orElseThrow();
    return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
  }
}
