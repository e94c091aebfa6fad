using System.Buffers;
using System.Text.Json;

namespace Quorate.Server.Membership;

/// <summary>A member as all members know it (spec 04 §4.3, §8.4). A member without a name has not started yet.</summary>
public sealed record ClusterMember(ulong Id, IReadOnlyList<string> PeerUrls, string Name, IReadOnlyList<string> ClientUrls, bool IsLearner)
{
    public bool IsStarted => Name.Length > 0;

    /// <summary>The id as headers, logs and keys have it: hexadecimal without leading zeros.</summary>
    public string HexId => Id.ToString("x");

    /// <summary>The JSON of buckets, configuration changes and the peers' list.</summary>
    /// <param name="isPromotion">The mark of a change that makes a learner a voter.</param>
    public byte[] ToJson(bool isPromotion = false)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, MemberJson.Options))
        {
            WriteTo(writer, isPromotion);
        }

        return buffer.WrittenSpan.ToArray();
    }

    public void WriteTo(Utf8JsonWriter writer, bool isPromotion = false)
    {
        writer.WriteStartObject();
        writer.WriteNumber("id", Id);
        if (PeerUrls.Count == 0)
        {
            writer.WriteNull("peerURLs");
        }
        else
        {
            MemberJson.WriteStrings(writer, "peerURLs", PeerUrls);
        }

        if (IsLearner)
        {
            writer.WriteBoolean("isLearner", true);
        }

        MemberJson.WriteAttributes(writer, Name, ClientUrls);
        if (isPromotion)
        {
            writer.WriteBoolean("isPromote", true);
        }

        writer.WriteEndObject();
    }

    /// <summary><see cref="FormatException"/> for what is no member.</summary>
    public static ClusterMember FromJson(ReadOnlySpan<byte> json) => FromJson(json, out _);

    public static ClusterMember FromJson(ReadOnlySpan<byte> json, out bool isPromotion)
    {
        try
        {
            var reader = new Utf8JsonReader(json);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return FromJson(document.RootElement, out isPromotion);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new FormatException($"a member's JSON is malformed: {error.Message}", error);
        }
    }

    public static ClusterMember FromJson(JsonElement element, out bool isPromotion)
    {
        isPromotion = element.TryGetProperty("isPromote", out JsonElement promote) && promote.GetBoolean();
        return new ClusterMember(
            element.TryGetProperty("id", out JsonElement id) ? id.GetUInt64() : 0,
            MemberJson.Strings(element, "peerURLs"),
            MemberJson.String(element, "name"),
            MemberJson.Strings(element, "clientURLs"),
            element.TryGetProperty("isLearner", out JsonElement learner) && learner.GetBoolean());
    }
}
