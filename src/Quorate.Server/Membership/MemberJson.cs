using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quorate.Server.Membership;

/// <summary>The parts that the JSON forms of a member share.</summary>
internal static class MemberJson
{
    /// <summary>As Go writes it: no blanks, and only what JSON needs is escaped.</summary>
    public static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void WriteStrings(Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        writer.WriteStartArray(name);
        foreach (string value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }

    public static void WriteAttributes(Utf8JsonWriter writer, string name, IReadOnlyList<string> clientUrls)
    {
        if (name.Length > 0)
        {
            writer.WriteString("name", name);
        }

        if (clientUrls.Count > 0)
        {
            WriteStrings(writer, "clientURLs", clientUrls);
        }
    }

    /// <summary>Name and client URLs alone: what a member publishes.</summary>
    public static string Attributes(string name, IReadOnlyList<string> clientUrls) => Object(writer => WriteAttributes(writer, name, clientUrls));

    public static string RaftAttributes(ClusterMember member) => Object(writer =>
    {
        WriteStrings(writer, "peerURLs", member.PeerUrls);
        if (member.IsLearner)
        {
            writer.WriteBoolean("isLearner", true);
        }
    });

    public static IReadOnlyList<string> Strings(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement array) && array.ValueKind == JsonValueKind.Array
            ? [.. array.EnumerateArray().Select(value => value.GetString() ?? "")]
            : [];

    public static string String(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";

    public static string Object(Action<Utf8JsonWriter> content)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            content(writer);
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
