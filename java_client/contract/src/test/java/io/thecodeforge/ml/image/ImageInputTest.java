package io.thecodeforge.ml.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.thecodeforge.ml.InvalidImageException;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.WritableRaster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageInputTest {

  private static final byte[] PNG = ProbeImage.png();

  private static byte[] file(ImageInput image) {
    return ((ImageInput.Encoded) image).file();
  }

  private static byte[] rgb(BufferedImage image) {
    return ((ImageInput.Pixels) ImageInput.of(image)).rgb();
  }

  @Test
  void oneFileInEveryForm(@TempDir Path folder) throws IOException {
    ByteBuffer direct = ByteBuffer.allocateDirect(PNG.length + 9).position(4);
    direct.put(PNG).flip().position(4);
    assertArrayEquals(PNG, file(ImageInput.of(direct)));
    assertEquals(4, direct.position(), "the caller's buffer stays as it is");
    assertArrayEquals(PNG, file(ImageInput.of(new ByteArrayInputStream(PNG))));
    Path plain = Files.write(folder.resolve("a.png"), PNG);
    assertArrayEquals(PNG, file(ImageInput.of(plain)));
    Path archive = folder.resolve("a.zip");
    try (FileSystem zip = FileSystems.newFileSystem(archive, Map.of("create", "true"))) {
      Files.write(zip.getPath("/in.png"), PNG);
      assertArrayEquals(PNG, file(ImageInput.of(zip.getPath("/in.png"))));
      assertArrayEquals(ProbeImage.pixels(), ImageDecoder.decode(zip.getPath("/in.png")).rgb());
    }
  }

  @Test
  void saysWhatCannotBeRead() {
    assertEquals(
        "nowhere.png cannot be read: there is no such file",
        assertThrows(UncheckedIOException.class, () -> ImageInput.of(Path.of("nowhere.png")))
            .getMessage());
    InputStream broken =
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("the disk is gone");
          }
        };
    assertEquals(
        "the image cannot be read: the disk is gone",
        assertThrows(UncheckedIOException.class, () -> ImageInput.of(broken)).getMessage());
  }

  @Test
  void nullIsSaidInASentence() {
    assertEquals(
        "expected the bytes of an image file, received null",
        assertThrows(NullPointerException.class, () -> ImageInput.of((byte[]) null)).getMessage());
    assertEquals(
        "expected image 1 of 2, received null",
        assertThrows(NullPointerException.class, () -> ImageInput.ofAll(Arrays.asList(PNG, null)))
            .getMessage());
    List<ImageInput> withNull = new ArrayList<>();
    withNull.add(null);
    assertEquals(
        "image 0 of 1: expected an image, received null",
        assertThrows(NullPointerException.class, () -> ImageBatch.of(withNull, 8)).getMessage());
  }

  @Test
  void everyTypeOfBufferedImageKeepsItsColour() {
    for (int type = BufferedImage.TYPE_INT_RGB; type <= BufferedImage.TYPE_BYTE_INDEXED; type++) {
      BufferedImage image = new BufferedImage(3, 2, type);
      image.setRGB(1, 0, 0xFFFF0000);
      image.setRGB(2, 1, 0xFFFFFFFF);
      byte[] rgb = rgb(image);
      boolean isGrey =
          type == BufferedImage.TYPE_BYTE_GRAY
              || type == BufferedImage.TYPE_USHORT_GRAY
              || type == BufferedImage.TYPE_BYTE_BINARY;
      if (!isGrey) {
        assertArrayEquals(new byte[] {-1, 0, 0}, Arrays.copyOfRange(rgb, 3, 6), "type " + type);
      }
      assertArrayEquals(new byte[] {-1, -1, -1}, Arrays.copyOfRange(rgb, 15, 18), "type " + type);
      assertArrayEquals(new byte[] {0, 0, 0}, Arrays.copyOfRange(rgb, 0, 3), "type " + type);
    }
  }

  @Test
  void greyStaysTheLevelThatItIs() {
    BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_BYTE_GRAY);
    image.getRaster().setSample(1, 0, 0, 100);
    assertArrayEquals(new byte[] {0, 0, 0, 100, 100, 100}, rgb(image));
    BufferedImage wide = new BufferedImage(1, 1, BufferedImage.TYPE_USHORT_GRAY);
    wide.getRaster().setSample(0, 0, 0, 0x64FF);
    assertArrayEquals(new byte[] {0x64, 0x64, 0x64}, rgb(wide));
  }

  @Test
  void alphaIsLeftOut() {
    BufferedImage image = new BufferedImage(1, 1, BufferedImage.TYPE_INT_ARGB);
    image.setRGB(0, 0, 0x40102030);
    assertArrayEquals(new byte[] {0x10, 0x20, 0x30}, rgb(image));
    BufferedImage bytes = new BufferedImage(1, 1, BufferedImage.TYPE_4BYTE_ABGR);
    bytes.setRGB(0, 0, 0x40102030);
    assertArrayEquals(new byte[] {0x10, 0x20, 0x30}, rgb(bytes));
  }

  @Test
  void anotherColourSpaceIsConverted() {
    ColorSpace linear = ColorSpace.getInstance(ColorSpace.CS_LINEAR_RGB);
    ComponentColorModel model =
        new ComponentColorModel(linear, false, false, 1, DataBuffer.TYPE_BYTE);
    WritableRaster raster = model.createCompatibleWritableRaster(1, 1);
    raster.setPixel(0, 0, new int[] {55, 55, 55}); // linear light: sRGB's 128 or so
    byte level = rgb(new BufferedImage(model, raster, false, null))[0];
    assertEquals(128, level & 0xFF, 2);
  }

  @Test
  void partOfAnImage() {
    BufferedImage whole = new BufferedImage(8, 8, BufferedImage.TYPE_3BYTE_BGR);
    whole.setRGB(5, 6, 0xFF0A0B0C);
    BufferedImage part = whole.getSubimage(4, 5, 3, 2);
    assertArrayEquals(new byte[] {10, 11, 12}, Arrays.copyOfRange(rgb(part), 12, 15));
  }

  @Test
  void batchesByKindAndSize() {
    byte[] two = new byte[2 * 4 * 5 * 3];
    List<ImageInput> images = new ArrayList<>(ImageInput.pixels(two, 2, 4, 5));
    images.add(ImageInput.of(PNG));
    images.add(ImageInput.pixels(new byte[12], 2, 2));
    images.add(ImageInput.of(PNG));
    List<ImageBatch> batches = ImageBatch.of(images, 8);
    assertEquals(
        List.of(List.of(0, 1), List.of(2, 4), List.of(3)),
        batches.stream().map(ImageBatch::positions).toList());
    assertSame(two, ((ImageBatch.Pixels) batches.get(0)).rgb(), "what is whole is not copied");
    assertEquals(
        List.of("a", "b", "d", "c", "e"),
        ImageBatch.inOrder(batches, List.of(List.of("a", "b"), List.of("d", "e"), List.of("c"))));
    assertEquals(5, ImageBatch.of(images, 1).size());
  }

  @Test
  void pixelsOfOneSizeFromDifferentArraysAreJoined() {
    byte[] first = {1, 2, 3};
    byte[] second = {4, 5, 6};
    ImageBatch.Pixels batch =
        (ImageBatch.Pixels)
            ImageBatch.of(
                    List.of(ImageInput.pixels(first, 1, 1), ImageInput.pixels(second, 1, 1)), 8)
                .get(0);
    assertArrayEquals(new byte[] {1, 2, 3, 4, 5, 6}, batch.rgb());
    assertEquals(new PixelShape(2, 1, 1), batch.shape());
  }

  @Test
  void refusesWhatIsNoImage() {
    assertThrows(InvalidImageException.class, () -> ImageBatch.of(List.of(), 8));
    assertThrows(InvalidImageException.class, () -> ImageInput.pixels(new byte[5], 1, 1));
    assertThrows(InvalidImageException.class, () -> new ImageInput.Pixels(new byte[6], 4, 1, 1));
    InvalidImageException refusal =
        assertThrows(
            InvalidImageException.class,
            () -> ImageBatch.of(List.of(ImageInput.of(PNG), ImageInput.of(new byte[0])), 8));
    assertTrue(
        refusal
            .getMessage()
            .startsWith("image 1 of 2: expected a whole JPEG or PNG file, received no bytes"));
  }
}
